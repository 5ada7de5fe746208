/** The command line as `npm ci` bundles it: it does the same, and is never run where a source is another one by now. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { VERSION } from '../../contract/version.ts';
import { cleanEnvironment, Home } from '../helpers/offsite.ts';

const ROOT = join(import.meta.dirname, '../..');
const NOT_COPIED = /(?:^|\/)(?:node_modules|\.git|\.offsite|\.serverless|test)$/;

const home = new Home();
// Of the kind that a URL spells otherwise.
const copy = home.path('a project of 100%');
const program = join(copy, '.offsite/program');
after(() => home[Symbol.dispose]());

const run = (words: readonly string[]) =>
  execFileSync(join(copy, 'bin/offsite'), words, { env: cleanEnvironment(), encoding: 'utf8', stdio: 'pipe' });
const bundle = () => execFileSync(process.execPath, ['bin/bundle.ts'], { cwd: copy, stdio: 'pipe' });
const sources = () =>
  JSON.parse(readFileSync(join(program, 'sources.json'), 'utf8')) as { files: string[]; digest: string };
const folder = () => join(program, sources().digest);

/** What `--version` says with something else in the place of a bundled file: the version, or that it was run. */
function saidInstead(): string {
  return replaced(join(folder(), 'cli/main.mjs'), "console.log('bundled')", () => run(['--version']).trim());
}

function replaced<T>(file: string, text: string, check: () => T): T {
  const whole = readFileSync(file);
  writeFileSync(file, text);
  try {
    return check();
  } finally {
    writeFileSync(file, whole);
  }
}

before(() => {
  cpSync(ROOT, copy, { recursive: true, filter: (path) => !NOT_COPIED.test(path.slice(ROOT.length)) });
  // What is compiled here is kept here.
  mkdirSync(join(copy, 'node_modules'));
  for (const name of readdirSync(join(ROOT, 'node_modules')).filter((one) => one !== '.cache'))
    symlinkSync(join(ROOT, 'node_modules', name), join(copy, 'node_modules', name));
  assert.equal(run(['--version']).trim(), VERSION);
  bundle();
});

describe('the bundle', () => {
  it('is made of sources alone, and all of those that commands are made of', () => {
    const { files } = sources();
    for (const file of ['cli/main.ts', 'host-agent/engine/worker.ts', 'host-agent/restore/worker.ts', 'bin/start.ts'])
      assert.ok(files.includes(file), file);
    for (const name of readdirSync(join(ROOT, 'cli/commands')).filter((one) => one.endsWith('.ts')))
      assert.ok(files.includes(`cli/commands/${name}`), name);
    assert.deepEqual(
      files.filter((file) => file.includes('node_modules') || file.startsWith('test/')),
      [],
    );
  });

  it('is what is run', () => {
    assert.equal(saidInstead(), 'bundled');
  });

  it('backs up and restores, with threads', () => {
    const keys = home.path('keys');
    run(['keys', 'generate', '--name', 'Jo', '--email', 'jo@example.org', '--out', keys]);
    const source = home.path('source');
    mkdirSync(source);
    for (const name of ['a', 'b', 'c']) writeFileSync(join(source, name), randomBytes(12 * 2 ** 20));
    const config = home.path('config.yml');
    const store = `file://${home.path('store')}`;
    const init = ['init', '--store', store, '--recipient', join(keys, 'public.asc'), '--host', 'h', '--path', source];
    run([...init, '--config', config, '--state', home.path('state')]);
    const backup = ['--config', config, 'backup', '--quiet'];
    const thread = join(folder(), 'host-agent/engine/worker.mjs');
    replaced(thread, "throw new Error('a bundled thread')", () => assert.throws(() => run(backup), /a bundled thread/));
    run(backup);
    const target = home.path('restored');
    const key = join(keys, 'private.asc');
    run(['trust', 'h', '--yes', '--store', store, '--key', key]);
    run(['restore', 'latest', '--store', store, '--host', 'h', '--key', key, '--to', target, '--quiet']);
    for (const name of readdirSync(source))
      assert.ok(readFileSync(join(target, source, name)).equals(readFileSync(join(source, name))), name);
  });
});

describe('the sources are run', () => {
  const changed = (file: string, change: (text: string) => string, check: () => void) =>
    replaced(join(copy, file), change(readFileSync(join(copy, file), 'utf8')), check);

  it('where one is another one now, until it is bundled again', () => {
    changed(
      'contract/version.ts',
      (text) => text.replace(VERSION, '9.9.9'),
      () => {
        assert.equal(saidInstead(), '9.9.9');
        bundle();
        assert.equal(saidInstead(), 'bundled');
      },
    );
    bundle();
    assert.equal(saidInstead(), 'bundled');
  });

  it('where packages are other ones, a source is gone, or the list of them is damaged', () => {
    changed(
      'package-lock.json',
      (text) => `${text}\n`,
      () => assert.equal(saidInstead(), VERSION),
    );
    changed(
      '.offsite/program/sources.json',
      (text) => text.slice(0, 1000),
      () => assert.equal(run(['--version']).trim(), VERSION),
    );
    assert.equal(saidInstead(), 'bundled');
  });

  it('where what does the choosing is another one now, too', () => {
    changed(
      'bin/start.ts',
      () => "console.log('the source')",
      () => assert.equal(run(['--version']).trim(), 'the source'),
    );
  });

  it('where the bundle is gone from beneath its list, or lies elsewhere', () => {
    renameSync(folder(), `${folder()}.away`);
    assert.equal(run(['--version']).trim(), VERSION);
    renameSync(`${folder()}.away`, folder());
    renameSync(join(copy, '.offsite'), join(copy, 'elsewhere'));
    symlinkSync('elsewhere', join(copy, '.offsite'));
    assert.equal(saidInstead(), VERSION);
    rmSync(join(copy, '.offsite'));
    renameSync(join(copy, 'elsewhere'), join(copy, '.offsite'));
    assert.equal(saidInstead(), 'bundled');
  });

  it('while an earlier bundle is kept for a month after another took its place', () => {
    const earlier = sources().digest;
    const longAgo = new Date(Date.now() - 365 * 24 * 3_600_000);
    utimesSync(folder(), longAgo, longAgo);
    changed(
      'contract/version.ts',
      (text) => `${text}\n// Another one.`,
      () => {
        bundle();
        assert.ok(existsSync(join(program, earlier, 'cli/main.mjs')));
        utimesSync(join(program, earlier), longAgo, longAgo);
        bundle();
        assert.ok(!existsSync(join(program, earlier)));
      },
    );
    bundle();
  });

  it('where a command is none of ours, whose name would say where to keep what is compiled', () => {
    writeFileSync(join(copy, 'evil.ts'), '');
    assert.throws(() => run(['../../evil']));
    assert.ok(!existsSync(join(copy, 'node_modules/.cache/evil')) && !existsSync(join(copy, 'node_modules/evil')));
  });

  it('where nothing is bundled', () => {
    rmSync(program, { recursive: true });
    assert.equal(run(['--version']).trim(), VERSION);
  });
});
