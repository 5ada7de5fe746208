/** The demo tells its whole story, and a machine without jq is told what is left out. */

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { after, test } from 'node:test';
import { cleanEnvironment } from '../helpers/offsite.ts';

const work = mkdtempSync(join(tmpdir(), 'demo-test-'));
after(() => rmSync(work, { recursive: true, force: true }));
const DEMO = join(import.meta.dirname, '../../demo/main.ts');

function demo(
  args: readonly string[],
  more: Record<string, string> = {},
): Promise<{ code: number | null; out: string }> {
  const temporary = mkdtempSync(join(work, 'run-'));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [DEMO, ...args], { env: cleanEnvironment({ TMPDIR: temporary, ...more }) });
    let out = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text: Buffer) => {
        out += text;
      });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out }));
  });
}

/** The programs of PATH, all but one. */
function pathWithout(tool: string): string {
  const folder = join(work, 'bin');
  mkdirSync(folder);
  for (const from of (process.env.PATH ?? '').split(delimiter).filter((one) => existsSync(one))) {
    for (const name of readdirSync(from)) {
      if (name !== tool && !existsSync(join(folder, name))) symlinkSync(join(from, name), join(folder, name));
    }
  }
  return folder;
}

test('with a folder of mine, without jq: my files are compared too, and what is left out is named', async () => {
  const mine = join(work, 'mine');
  mkdirSync(join(mine, 'deep'), { recursive: true });
  writeFileSync(join(mine, 'deep/file'), 'of mine\n');
  const { code, out } = await demo([mine, '--keep'], { PATH: pathWithout('jq') });
  assert.equal(code, 0, out);
  const story = [
    /keys generate/,
    /certified carcosa [0-9A-F]{40}/,
    /data: run \S+ \(full\) complete/,
    /data: run \S+ \(incremental\) complete: .* 4 changed files/,
    /email \| Subject: Offsite: MISSED purr\/data since/,
    /SMS {3}\| purr\/data MISSED since/,
    /email \| Subject: Offsite: GOOD AGAIN purr\/data, was MISSED/,
    /email \| Subject: Offsite: FAILED purr\/data .*script 10-dump-database exit 7/,
    /email \| Subject: Offsite: GOOD AGAIN purr\/data, was FAILED/,
    /email \| Subject: Offsite: SUSPECT carcosa\/data .*object damaged/,
    /data\/carcosa\/data\/\S+\.pgp is damaged: its SHA-256 is/,
    /compared with \S*hosts\/carcosa\/data: \d+ entries, \d+ bytes: identical/,
    new RegExp(`compared with ${mine}: 3 entries, 8 bytes: identical`),
    /Left out: jq is not installed on this machine/,
    /That took \d+ seconds/,
  ];
  let at = 0;
  for (const line of story) {
    const found = out.slice(at).search(line);
    assert.ok(found >= 0, `${line} is missing, or out of its order, in:\n${out}`);
    at += found;
  }
  const [kept = ''] = readdirSync(work).filter((name) => name.startsWith('run-'));
  const [folder = ''] = readdirSync(join(work, kept));
  assert.deepEqual(
    ['store', 'outbox', 'operator', 'restored', 'fleet.yml'].filter(
      (name) => !existsSync(join(work, kept, folder, name)),
    ),
    [],
  );
  assert.ok(readdirSync(join(work, kept, folder, 'outbox')).some((name) => name.endsWith('.sms.txt')));
});

test('without arguments: one file is recovered with gpg, zstd and jq alone', async () => {
  const { code, out } = await demo([]);
  assert.equal(code, 0, out);
  assert.match(out, /3200000 bytes, the same as in the source/);
  assert.match(out, /: identical/);
});

test('what it does not understand: exit 2', async () => {
  const { code, out } = await demo(['--fast']);
  assert.equal(code, 2);
  assert.match(out, /unknown option --fast\nUsage: npm run demo/);
});
