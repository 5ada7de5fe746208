/** What each command loads: a start costs what its modules cost, and a host starts thousands of backups. */

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ended, Home, offsite, offsiteOfSources } from '../helpers/offsite.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PRELOAD = new URL('../helpers/loaded-modules.ts', import.meta.url).href;

const home = new Home();
after(() => home[Symbol.dispose]());
let asked = 0;

/** Runs a command; the files of this repository that it loaded, and `npm:name` for each package. */
async function loadedBy(words: readonly string[], code = 0): Promise<Set<string>> {
  const file = home.path(`loaded-${asked++}`);
  const env = { NODE_OPTIONS: `--import=${PRELOAD}`, LOADED_MODULES: file };
  ended(await offsiteOfSources(words, { env }), code);
  const urls = readFileSync(file, 'utf8').split('\n');
  const files = urls.filter((url) => url.startsWith('file:')).map((url) => relative(ROOT, fileURLToPath(url)));
  return new Set(
    files.map((path) =>
      path
        .split(sep)
        .join('/')
        .replace(/^node_modules\/([^/@]+|@[^/]+\/[^/]+)\/.*/, 'npm:$1'),
    ),
  );
}

const inFolders = (loaded: Set<string>, ...folders: string[]) =>
  [...loaded].filter((path) => folders.some((folder) => path.startsWith(folder))).sort();

ended(await home.makeKeys(), 0);
mkdirSync(home.path('source'));
home.write('source/file', 'content');
const init = [
  'init',
  '--store',
  home.store,
  '--recipient',
  home.publicKey,
  '--host',
  'h',
  '--path',
  home.path('source'),
];
ended(await offsite([...init, '--config', home.config('h'), '--state', home.path('h/state')]), 0);
const backup = [...home.as('h'), 'backup', '--quiet'];

describe('a backup', () => {
  it('loads no other command, nothing of restore, of the stack or of its rules, and no SDK', async () => {
    const loaded = await loadedBy(backup);
    assert.deepEqual(inFolders(loaded, 'cli/commands/'), ['cli/commands/backup.ts']);
    assert.deepEqual(inFolders(loaded, 'host-agent/restore', 'host-agent/verify', 'functions/', 'local/', 'demo/'), []);
    assert.deepEqual(inFolders(loaded, 'operator/'), ['operator/runs.ts']);
    assert.deepEqual(inFolders(loaded, 'npm:').sort(), [
      'npm:commander',
      'npm:ignore',
      'npm:openpgp',
      'npm:yaml',
      'npm:zod',
    ]);
    assert.ok(loaded.has('host-agent/engine/pipeline.ts') && loaded.has('pgp/sign.ts'), 'what it needs was seen');
  });
});

describe('the command line itself', () => {
  for (const words of [['--version'], ['--config', 'backup', '--version']]) {
    it(`offsite ${words.join(' ')} loads no command and no package but commander`, async () => {
      const loaded = await loadedBy(words);
      assert.deepEqual(inFolders(loaded, 'cli/commands/', 'contract/document', 'host-agent/', 'pgp/'), []);
      assert.deepEqual(inFolders(loaded, 'npm:'), ['npm:commander']);
    });
  }

  it('a command is told from the value of an option that has its name', async () => {
    const loaded = await loadedBy(['--config', 'restore', 'ls', '--help']);
    assert.deepEqual(inFolders(loaded, 'cli/commands/'), ['cli/commands/ls.ts']);
  });

  for (const [words, code] of [
    [['--help'], 0],
    [['help', 'backup'], 0],
    [['bakup'], 2],
  ] as const) {
    it(`offsite ${words.join(' ')} knows all commands`, async () => {
      const loaded = inFolders(await loadedBy(words, code), 'cli/commands/');
      for (const name of ['keys', 'backup', 'restore', 'fleet']) assert.ok(loaded.includes(`cli/commands/${name}.ts`));
    });
  }
});
