/** A reader written from docs/format.md alone reads what the command line wrote: the document is complete. */

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { decodeEnvelope, encodeEnvelope } from '../../contract/envelope.ts';
import { Gpg } from '../helpers/gpg.ts';
import {
  changeSource,
  differences,
  missingPrograms,
  RealRepository,
  run,
  type Tree,
  treeOf,
} from './real-repository.ts';

const READER = new URL('reader.py', import.meta.url).pathname;
const skip = missingPrograms('python3', 'gpg', 'gpgv', 'zstd');

describe('a reader written from docs/format.md alone', { skip }, () => {
  let repository: RealRepository;
  let gpg: Gpg;
  let [first, second] = ['', ''];
  let before1: Tree = {};
  let before2: Tree = {};

  before(async () => {
    repository = new RealRepository();
    first = repository.backup();
    before1 = treeOf(repository.source);
    changeSource(repository.source);
    second = repository.backup();
    before2 = treeOf(repository.source);
    gpg = new Gpg();
    const passphrase = readFileSync(repository.passphraseFile, 'utf8').trim();
    await gpg.run(['--import', repository.privateKey], { passphrase });
    // Reads it once with the passphrase; the agent remembers.
    const sealed = await gpg.run(['--encrypt', '--recipient', 'jo@example.org'], { input: 'x' });
    await gpg.run(['--decrypt'], { input: sealed.stdout, passphrase });
  });
  after(async () => {
    repository?.[Symbol.dispose]();
    await gpg?.[Symbol.asyncDispose]();
  });

  function read(runId: string, more: string[] = [], store = repository.store) {
    const args = [READER, store, repository.publicKey, 'carcosa', 'data', runId, ...more];
    return run('python3', args, { GNUPGHOME: gpg.home });
  }

  test('extracts an incremental run, and finds the cuts between chunks where the document says', () => {
    const target = join(repository.root, 'extracted');
    const result = read('latest', ['--extract', target, '--check-cuts']);
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(differences(repository.restored(target), before2), []);
    const entries = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { locations?: unknown[] });
    assert.ok(entries.some(({ locations = [] }) => locations.length > 5));
  });

  test('extracts the full run before it', () => {
    const target = join(repository.root, 'extracted-full');
    const result = read(first, ['--extract', target]);
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(differences(repository.restored(target), before1), []);
  });

  test('refuses what was changed', () => {
    const store = repository.copyOfStore('changed');
    const manifest = join(store, 'runs/carcosa/data', second, 'manifest.json');
    const { payload, signatures } = decodeEnvelope(readFileSync(manifest), manifest);
    const changed = Buffer.from(payload.toString().replace('"stateLost":false', '"stateLost":true'));
    writeFileSync(manifest, encodeEnvelope({ payload: changed, signatures }));
    const result = read(second, [], store);
    assert.match(result.stderr, /is not signed by any key registered/);
    assert.equal(result.status, 1);
  });
});
