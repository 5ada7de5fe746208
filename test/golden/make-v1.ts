/**
 * Makes `test/golden/v1`, the frozen repository of format version 1, and the listing of what its runs hold. It was run
 * once and is kept to show how; no test runs it, and a repository that is made anew proves nothing about the old one.
 *
 *   node test/golden/make-v1.ts DIR        (as root, so that owners are numbers that every machine knows)
 */

import { createCipheriv } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { ended, offsite, oneDocument } from '../helpers/offsite.ts';
import { listingOf } from './listing.ts';

const top = resolve(process.argv[2] ?? '');
if (process.argv[2] === undefined) throw new Error('where to? node test/golden/make-v1.ts DIR');
/** A path of its own, because it lies in every path that is backed up. */
const WORK = '/tmp/offsite-golden-v1';
const SOURCE = join(WORK, 'source');
const at = (name: string) => join(SOURCE, name);
const key = join(top, 'keys/private.asc');
const store = `file://${join(top, 'store')}`;

/** Bytes that do not compress, the same ones each time for one seed. */
function noise(length: number, seed: string): Buffer {
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, seed), Buffer.alloc(16)).update(Buffer.alloc(length));
}

/** A long text that compresses well and has several chunks. */
function longText(): string {
  const lines: string[] = [];
  for (let i = 0; i < 60_000; i++) lines.push(`line ${i} of a long text that zstd makes short`);
  return `${lines.join('\n')}\n`;
}

function makeTree(): void {
  mkdirSync(at('directory/deep'), { recursive: true });
  mkdirSync(at('empty directory'));
  writeFileSync(at('several chunks'), longText());
  writeFileSync(at('noise'), noise(20_000, 'golden'));
  writeFileSync(at('directory/deep/small'), 'a small file\n');
  writeFileSync(at('empty'), '');
  writeFileSync(at('naïve — ☃'), 'a name in UTF-8\n');
  writeFileSync(at('a name\nwith a newline\tand "quotes"'), 'its content\n');
  writeFileSync(Buffer.concat([Buffer.from(at('caf')), Buffer.from([0xe9])]), 'a name in Latin-1\n');
  writeFileSync(at('first name'), 'three names of one file\n');
  linkSync(at('first name'), at('second name'));
  linkSync(at('first name'), at('directory/third name'));
  symlinkSync('directory/deep', at('link'));
  symlinkSync('../nowhere/\n', at('dangling link'));
  writeFileSync(at('executable'), '#!/bin/sh\n');
  chmodSync(at('executable'), 0o4755);
  writeFileSync(at('private'), 'for one alone\n');
  chmodSync(at('private'), 0o600);
  chmodSync(at('directory'), 0o1770);
  const sparse = openSync(at('sparse'), 'w');
  writeSync(sparse, noise(5000, 'start'), 0, 5000, 0);
  writeSync(sparse, noise(5000, 'middle'), 0, 5000, 700_000);
  truncateSync(at('sparse'), 1_500_000);
  utimesSync(at('empty'), 1_000_000_000.123456, 1_000_000_000.123456);
  utimesSync(at('private'), -86_400, -86_400);
}

function change(): void {
  appendFileSync(at('several chunks'), 'one line more\n');
  writeFileSync(at('new in the second run'), 'new\n');
  renameSync(at('directory/deep/small'), at('directory/deep/renamed'));
  rmSync(at('private'));
  rmSync(at('second name'));
}

function script(body: string): void {
  mkdirSync(join(WORK, 'scripts'), { recursive: true });
  writeFileSync(join(WORK, 'scripts/10-dump'), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

async function backup(): Promise<{ run: string; outcome: string; type: string }> {
  const said = await offsite(['backup', '--json', '--config', join(WORK, 'config.yml')]);
  const [run] = oneDocument<{ runs: { run: string; outcome: string; type: string }[] }>(said).runs;
  if (run === undefined) throw new Error(said.err);
  // Runs of one second have ids in no order.
  await new Promise((later) => setTimeout(later, 1100));
  return run;
}

rmSync(WORK, { recursive: true, force: true });
mkdirSync(WORK);
const name = ['--name', 'TEST KEY of the golden repository', '--email', 'test@example.org'];
ended(await offsite(['keys', 'generate', ...name, '--out', join(top, 'keys')]), 0);
const recipient = join(top, 'keys/public.asc');
const config = ['--config', join(WORK, 'config.yml')];
const init = ['--host', 'golden', '--recipient', recipient, '--state', join(WORK, 'state')];
ended(await offsite(['init', '--store', store, ...init, ...config]), 0);
ended(await offsite(['trust', 'golden', '--yes', '--store', store, '--key', key]), 0);
const set = { paths: [SOURCE], scripts: join(WORK, 'scripts'), expect: { require: ['.stage/*.sql'] } };
const common = { host: 'golden', store, recipients: [recipient], state: join(WORK, 'state') };
writeFileSync(
  join(WORK, 'config.yml'),
  stringify({ ...common, identity: join(WORK, 'state/identity'), sets: { data: set } }),
);

makeTree();
script('printf "CREATE TABLE cats (name text);\\n" > cats.sql');
const runs = [await backup()];
change();
runs.push(await backup());
// A dump that is suddenly empty: suspect, and accepted.
script(': > cats.sql');
runs.push(await backup());
const suspect = runs[2]?.run ?? '';
const because = ['--because', 'the cats have moved out'];
ended(await offsite(['accept', suspect, ...because, '--store', store, '--key', key]), 0);

const expected: Record<string, unknown> = {};
for (const { run, type, outcome } of runs) {
  const target = join(WORK, 'restored', run);
  ended(await offsite(['restore', run, '--to', target, '--store', store, '--key', key]), 0);
  expected[run] = { type, outcome, entries: listingOf(target) };
}
writeFileSync(join(top, 'expected.json'), `${JSON.stringify(expected, null, 1)}\n`);
copyFileSync(import.meta.filename, join(WORK, 'make-v1.ts'));
