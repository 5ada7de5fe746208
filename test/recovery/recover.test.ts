/**
 * recovery/recover.sh restores what the command line backed up, and refuses what must not be believed; the commands of
 * docs/recover-by-hand.md do what they say.
 */

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import * as openpgp from 'openpgp';
import type { BytePath } from '../../contract/byte-path.ts';
import { canonicalJson, type Json } from '../../contract/canonical.ts';
import { decodeEnvelope, encodeEnvelope } from '../../contract/envelope.ts';
import { objectKey } from '../../contract/keys.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { Trust } from '../../contract/trust.ts';
import { generateSigningKey, type PrivateKey, readPrivateKey } from '../../pgp/keys.ts';
import { signDetached } from '../../pgp/sign.ts';
import { Gpg } from '../helpers/gpg.ts';
import { SyntheticHost, SyntheticRun } from '../helpers/synthetic-run.ts';
import {
  changeSource,
  differences,
  missingPrograms,
  RealRepository,
  run,
  type Tree,
  treeOf,
} from './real-repository.ts';

const SCRIPT = new URL('../../recovery/recover.sh', import.meta.url).pathname;
const skip = missingPrograms('gpg', 'gpgv', 'zstd', 'jq', 'sha256sum');
/** Debian's sh has no extensions; where it is missing, whatever sh is. */
const SHELL = missingPrograms('dash') === false || existsSync('/bin/dash') ? 'dash' : 'sh';
const BY_HAND = new URL('../../docs/recover-by-hand.md', import.meta.url).pathname;
const NOW = new Date('2026-01-01T00:00:00Z');

describe('recover.sh', { skip }, () => {
  let repository: RealRepository;
  let [first, second] = ['', ''];
  let before1: Tree = {};
  let before2: Tree = {};
  let targets = 0;
  /** A keyring with the private key, whose agent knows the passphrase. */
  let gpg: Gpg;

  before(async () => {
    repository = new RealRepository();
    gpg = new Gpg();
    const passphrase = readFileSync(repository.passphraseFile, 'utf8').trim();
    writeFileSync(join(gpg.home, 'gpg-agent.conf'), 'default-cache-ttl 600\n');
    await gpg.run(['--import', repository.privateKey], { passphrase });
    const sealed = await gpg.run(['--encrypt', '--recipient', 'jo@example.org'], { input: 'x' });
    await gpg.run(['--decrypt'], { input: sealed.stdout, passphrase });
    first = repository.backup();
    before1 = treeOf(repository.source);
    changeSource(repository.source);
    second = repository.backup();
    before2 = treeOf(repository.source);
    if (process.getuid?.() === 0) return;
    // Without the right to set owners there are no set-id bits.
    for (const tree of [before1, before2]) if (tree['set-id']) tree['set-id'].mode = '100755';
  });
  after(async () => {
    repository?.[Symbol.dispose]();
    await gpg?.[Symbol.asyncDispose]();
  });

  const newTarget = () => join(repository.root, `target-${targets++}`);
  const arguments_ = (store: string, runId: string, target: string) => [
    SCRIPT,
    store,
    repository.publicKey,
    runId,
    '--host',
    'carcosa',
    '--set',
    'data',
    '--to',
    target,
  ];
  function recover(runId: string, target: string, more: string[] = [], store = repository.store) {
    return run(SHELL, [...arguments_(store, runId, target), ...more], { GNUPGHOME: gpg.home });
  }

  /** Every way of being refused leaves no trace. */
  function assertRefused(store: string, what: RegExp, runId = second, more: string[] = []): void {
    const target = newTarget();
    const result = recover(runId, target, more, store);
    assert.match(result.stderr, what);
    assert.equal(result.status, 1);
    assert.equal(existsSync(target), false);
  }

  test('restores the newest run byte by byte, with modes, times, links and holes', () => {
    const target = newTarget();
    const result = recover('latest', target);
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(differences(repository.restored(target), before2), []);
    const { size, blocks } = statSync(join(target, repository.source, 'sparse'));
    assert.ok(blocks * 512 < size);
    assert.deepEqual(readdirSync(target), ['tmp']);
  });

  test('restores an older run into an empty directory, with a private key from a file', () => {
    const target = mkdtempSync(join(repository.root, 'there-'));
    const keyArgs = ['--key', repository.privateKey, '--passphrase-file', repository.passphraseFile];
    const result = run(SHELL, [...arguments_(repository.store, first, target), ...keyArgs]);
    assert.equal(result.status, 0, result.stderr);
    assert.deepEqual(differences(repository.restored(target), before1), []);
  });

  test('restores some paths alone, and says which are missing', () => {
    const target = newTarget();
    const inside = repository.source.slice(1);
    const wanted = ['odd names', 'many/deep/deeper/third name', 'many/deep/file 1'];
    const result = recover('latest', target, [
      `/${inside}/odd names/`,
      ...wanted.slice(1).map((one) => `${inside}/${one}`),
    ]);
    assert.equal(result.status, 0, result.stderr);
    const isWanted = ([path]: [string, unknown]) =>
      wanted.some((one) => path === one || path.startsWith(`${one}/`) || one.startsWith(`${path}/`));
    const expected = structuredClone(Object.fromEntries(Object.entries(before2).filter(isWanted)));
    // Its other names were not asked for.
    delete expected['many/deep/deeper/third name']?.link;
    assert.deepEqual(differences(repository.restored(target), expected), []);
    assertRefused(repository.store, /nothing\/here is not in this run/, 'latest', ['nothing/here']);
  });

  test('lists without writing', () => {
    const target = newTarget();
    const result = recover('latest', target, ['--list', `${repository.source}/odd names`]);
    assert.equal(result.status, 0, result.stderr);
    assert.equal(existsSync(target), false);
    const under = Object.keys(before2).filter((path) => path.startsWith('odd names/')).length;
    assert.equal(
      result.stdout
        .trimEnd()
        .split('\n')
        .filter((line) => line.includes('odd names/')).length,
      under,
    );
    assert.match(result.stdout, /0644 file .* \S+odd names\/new\\0012line$/m);
    assert.match(result.stdout, /symlink .* \S+odd names\/link -> \.\.\/big$/m);
  });

  test('a target that is not empty is refused and left alone', () => {
    const target = mkdtempSync(join(repository.root, 'full-'));
    writeFileSync(join(target, 'mine'), 'mine');
    const result = recover('latest', target);
    assert.match(result.stderr, /is not empty/);
    assert.equal(result.status, 1);
    assert.deepEqual(readdirSync(target), ['mine']);
  });

  describe('refuses, and writes nothing,', () => {
    const manifestOf = (store: string, id: string) => join(store, 'runs/carcosa/data', id, 'manifest.json');
    const hostKeyOf = (store: string) =>
      join(store, 'hosts/carcosa', readdirSync(join(store, 'hosts/carcosa'))[0] ?? '');
    const signingKey = () =>
      readPrivateKey(readFileSync(join(repository.root, 'state/identity/signing-key.asc')), 'key');
    const operatorKey = () => readPrivateKey(readFileSync(repository.privateKey), 'key', 'open sesame');
    const read = <T>(file: string) => JSON.parse(decodeEnvelope(readFileSync(file), file).payload.toString()) as T;
    async function write(file: string, value: unknown, ...keys: PrivateKey[]): Promise<void> {
      const payload = Buffer.from(canonicalJson(value as Json));
      const signatures = await Promise.all(keys.map((key) => signDetached(payload, key, NOW)));
      writeFileSync(file, encodeEnvelope({ payload, signatures }));
    }
    /** The same signatures over something else. */
    function tamper(file: string, change: (text: string) => string): void {
      const { payload, signatures } = decodeEnvelope(readFileSync(file), file);
      const changed = Buffer.from(change(payload.toString()));
      assert.notDeepEqual(changed, payload);
      writeFileSync(file, encodeEnvelope({ payload: changed, signatures }));
    }
    function flip(file: string, at: number): void {
      const bytes = readFileSync(file);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(file, bytes);
    }
    const someObject = (store: string, kind: 'data' | 'meta', id = second) => {
      const { objects } = read<Manifest>(manifestOf(store, id));
      return join(store, objects.find(([key]) => key.startsWith(kind))?.[0] ?? '');
    };

    test('a trust.json that was changed, or that somebody else signed', async () => {
      const store = repository.copyOfStore('tampered-trust');
      const file = join(store, 'config/trust.json');
      const trust = read<Trust>(file);
      tamper(file, (text) => text.replace('"from":1', '"from":2'));
      assertRefused(store, /trust\.json is not signed by the key/);
      await write(file, trust, await signingKey());
      assertRefused(store, /trust\.json is not signed by the key/);
      rmSync(file);
      assertRefused(store, /has no config\/trust\.json/);
      // Several signatures: one that counts is enough.
      await write(file, trust, await signingKey(), await operatorKey());
      assert.equal(recover('latest', newTarget(), ['--list'], store).status, 0);
    });

    test('a certified key beyond its range, under another name or prefix', async () => {
      const store = repository.copyOfStore('ranges');
      const file = join(store, 'config/trust.json');
      const trust = read<Trust>(file);
      const key = trust.hosts.carcosa?.keys[0] ?? assert.fail();
      const operator = await operatorKey();
      const why = /does not certify for it/;
      await write(file, { ...trust, hosts: { carcosa: { name: 'carcosa', keys: [{ ...key, until: 1 }] } } }, operator);
      assertRefused(store, why);
      assert.equal(recover(first, newTarget(), ['--list'], store).status, 0);
      await write(file, { ...trust, hosts: { carcosa: { name: 'carcosa', keys: [{ ...key, from: 2 }] } } }, operator);
      assertRefused(store, why, first);
      await write(file, { ...trust, hosts: { carcosa: { name: 'purr', keys: [key] } } }, operator);
      assertRefused(store, why);
      await write(file, { ...trust, hosts: { purr: { name: 'carcosa', keys: [key] } } }, operator);
      assertRefused(store, why);
      await write(file, { ...trust, format: 2 }, operator);
      assertRefused(store, /of another version/);
    });

    test('a manifest that was changed', () => {
      const store = repository.copyOfStore('tampered-manifest');
      tamper(manifestOf(store, second), (text) => text.replace('"sequence":2', '"sequence":3'));
      assertRefused(store, /not signed by any key registered/);
      // The newest that can be believed is another one, and it says so.
      const result = recover('latest', newTarget(), ['--list'], store);
      assert.match(result.stderr, new RegExp(`refused: .*${second}`));
      assert.match(result.stderr, new RegExp(`"run":"${first}"`));
    });

    test('a manifest of another place', () => {
      const store = repository.copyOfStore('moved');
      const id = `${second.slice(0, -1)}${second.endsWith('0') ? '1' : '0'}`;
      cpSync(dirname(manifestOf(store, second)), dirname(manifestOf(store, id)), { recursive: true });
      assertRefused(store, /not of its place/, id);
    });

    test('a manifest that names what is not its own, or demands what nobody knows', async () => {
      const store = repository.copyOfStore('foreign-objects');
      const file = manifestOf(store, second);
      const manifest = read<Manifest>(file);
      const key = await signingKey();
      const withObject = (change: (objectKeyText: string) => string) => ({
        ...manifest,
        objects: manifest.objects.map(([name, ...rest], i) => (i === 0 ? [change(name), ...rest] : [name, ...rest])),
      });
      for (const wrong of [
        withObject((name) => name.replace('/carcosa/', '/purr/')),
        withObject((name) => name.replace('/data/', '/etc/')),
        withObject((name) => `data/carcosa/data/../../${name}`),
        withObject((name) => name.replace(/[0-9a-f]{32}\.pgp/, `${'0'.repeat(32)}.pgp`)),
        { ...manifest, objects: [...manifest.objects, manifest.objects[0]] },
        { ...manifest, index: manifest.objects[0]?.[0] },
        { ...manifest, cipher: 'seipd2' },
        { ...manifest, critical: ['something'] },
        { ...manifest, set: 'etc' },
        { ...manifest, sources: manifest.sources.slice(0, -1) },
      ]) {
        await write(file, wrong, key);
        assertRefused(store, /is not valid, not of its place/);
      }
    });

    test('a manifest that the base is not, by its SHA-256', async () => {
      const store = repository.copyOfStore('another-base');
      const manifest = read<Manifest>(manifestOf(store, first));
      await write(manifestOf(store, first), { ...manifest, agent: 'another' }, await signingKey());
      assertRefused(store, new RegExp(`the manifest of run ${first} is lost or damaged`));
      rmSync(manifestOf(store, first));
      assertRefused(store, /is lost or damaged/);
    });

    test('the signature of a foreign key, unless it is trusted by name', async () => {
      const store = repository.copyOfStore('foreign-key');
      const made = await generateSigningKey({ host: 'carcosa', now: NOW });
      const foreign = await readPrivateKey(Buffer.from(made.privateArmored), 'foreign');
      const manifest = read<Manifest>(manifestOf(store, second));
      await write(manifestOf(store, second), manifest, foreign);
      assertRefused(store, /not signed by any key registered/);
      const registered = objectKey({ kind: 'host', prefix: 'carcosa', fingerprint: made.fingerprint });
      writeFileSync(join(store, registered), made.publicArmored);
      assertRefused(store, new RegExp(`${made.fingerprint}, which trust.json does not certify`));
      const spaced = made.fingerprint.toLowerCase().replace(/(.{4})/g, '$1 ');
      assert.equal(recover(second, newTarget(), ['--trust', spaced, '--list'], store).status, 0);
      // Without trust.json, too.
      rmSync(join(store, 'config/trust.json'));
      assert.equal(recover('latest', newTarget(), ['--trust', made.fingerprint, '--list'], store).status, 0);
    });

    test('a key under the name of another one', async () => {
      const store = repository.copyOfStore('misnamed-key');
      const made = await generateSigningKey({ host: 'carcosa', now: NOW });
      const foreign = await readPrivateKey(Buffer.from(made.privateArmored), 'foreign');
      await write(manifestOf(store, second), read(manifestOf(store, second)), foreign);
      writeFileSync(hostKeyOf(store), made.publicArmored);
      assertRefused(store, /not signed by any key registered/);
    });

    test('signatures that do not count: SHA-1, text mode, a revoked key', async () => {
      const store = repository.copyOfStore('weak');
      const file = manifestOf(store, second);
      const { payload } = decodeEnvelope(readFileSync(file), file);
      await using gpg = new Gpg();
      await gpg.run(['--import', join(repository.root, 'state/identity/signing-key.asc')]);
      const sign = async (...options: string[]) => {
        const input = { input: payload };
        const { stdout } = await gpg.run([...options, '--armor', '--detach-sign', '--output', '-'], input);
        writeFileSync(file, encodeEnvelope({ payload, signatures: [stdout.toString()] }));
      };
      await sign();
      assert.equal(recover(second, newTarget(), ['--list'], store).status, 0);
      await sign('--digest-algo', 'SHA1');
      assertRefused(store, /not signed by any key registered/);
      await sign('--textmode');
      assertRefused(store, /not signed by any key registered/);
      await sign();
      const key = (await signingKey()).openpgp;
      const { publicKey } = await openpgp.revokeKey({ key, format: 'armored' });
      writeFileSync(hostKeyOf(store), publicKey);
      assertRefused(store, /not signed by any key registered/);
    });

    test('a damaged part, and names it; or leaves out what is in it', () => {
      const store = repository.copyOfStore('damaged-part');
      const part = someObject(store, 'data');
      flip(part, 1000);
      assertRefused(store, new RegExp(`${part.slice(-20)} is lost or damaged`));
      const target = newTarget();
      const odd = `${repository.source}/odd names`;
      const result = recover('latest', target, ['--keep-going', odd, `${repository.source}/many/deep/new`], store);
      assert.match(result.stderr, /not as it was: \S+many\/deep\/new\tdamaged\tno content/);
      assert.equal(result.status, 3);
      const isMissing = (path: string) => !path.startsWith('odd names') && path !== 'many' && path !== 'many/deep';
      const expected = Object.fromEntries(Object.entries(before2).filter(([path]) => !isMissing(path)));
      assert.deepEqual(differences(repository.restored(target), expected), []);
      rmSync(part);
      assertRefused(store, /is lost or damaged/);
    });

    test('a damaged piece of the listing', () => {
      const store = repository.copyOfStore('damaged-listing');
      const part = someObject(store, 'meta');
      flip(part, readFileSync(part).length - 1);
      assertRefused(store, /is lost or damaged/);
    });

    test('an operator key that is not the one', async () => {
      const made = await generateSigningKey({ host: 'nobody', now: NOW });
      const file = join(repository.root, 'nobody.asc');
      writeFileSync(file, made.publicArmored);
      const args = [repository.store, file, 'latest', '--host', 'carcosa', '--set', 'data', '--to', newTarget()];
      const result = run(SHELL, [SCRIPT, ...args], { GNUPGHOME: gpg.home });
      assert.match(result.stderr, /trust\.json is not signed by the key/);
      assert.equal(result.status, 1);
    });
  });

  test('by hand: the commands of docs/recover-by-hand.md, as they stand there, get a file back', () => {
    const page = readFileSync(BY_HAND, 'utf8');
    const [settings = '', ...blocks] = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1] ?? '');
    const given = {
      STORE: repository.store,
      OPERATOR: repository.publicKey,
      PREFIX: 'carcosa',
      SET: 'data',
      RUN: second,
    };
    assert.deepEqual(
      [...settings.matchAll(/^(\w+)=/gm)].map((match) => match[1]),
      [...Object.keys(given), 'FILE'],
    );
    // Of several parts and many chunks, some of them of the run before.
    const env = { ...given, FILE: `${repository.source.slice(1)}/big`, GNUPGHOME: gpg.home, TMPDIR: repository.root };
    const copy = join(repository.root, 'recovered');
    const keepIndex = 'zstd -dqc <"$WORK/part" >"$WORK/index"';
    assert.ok(blocks.join('').includes(keepIndex));
    const script = blocks.join('\n').replace(keepIndex, `$&; cp "$WORK/part" ${copy}-index`);
    const end = `cp "$WORK/file" ${copy}; cmp "$WORK/with-session-key" ${copy}-index`;
    const result = run(SHELL, ['-eu', '-c', `${script}\n${end}`], env);
    assert.equal(result.status, 0, `${result.stderr}\n${result.stdout}`);
    assert.match(result.stderr, /Good signature from "Jo Doe/);
    assert.match(result.stderr, /Good signature from "Offsite host carcosa/);
    assert.equal(createHash('sha256').update(readFileSync(copy)).digest('hex'), before2.big?.content);
  });

  test('latest is not a suspect run, until the operator has accepted it', () => {
    const config = join(repository.root, 'config.yml');
    const text = readFileSync(config, 'utf8');
    const expect = 'sets:\n  data:\n    expect: { minFiles: 100000 }';
    writeFileSync(config, text.replace('sets:\n  data:', expect));
    const suspect = repository.backup(3);
    const newest = () => /"run":"([^"]+)"/.exec(recover('latest', newTarget(), ['--list']).stderr)?.[1];
    assert.equal(newest(), second);
    assert.equal(recover(suspect, newTarget(), ['--list']).status, 0);
    repository.offsite('accept', suspect, '--because', 'I looked', '--key', repository.privateKey);
    assert.equal(newest(), suspect);
  });
});

describe('recover.sh takes a signed listing for hostile', { skip }, () => {
  let root = '';
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'hostile-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  const line = (entry: object) =>
    `${JSON.stringify({ root: '/', type: 'file', mode: 420, uid: 0, gid: 0, mtime: '1.000000000', size: 0, ...entry })}\n`;
  const nowhere = Buffer.from('..').toString('base64');
  const digest = `${'A'.repeat(43)}=`;
  const hostile: [what: string, lines: string[], why: RegExp][] = [
    ['..', [line({ path: '../escaped' })], /leads elsewhere/],
    [
      '.. in the middle',
      [line({ path: 'a', type: 'directory' }), line({ path: 'a/../../escaped' })],
      /leads elsewhere/,
    ],
    ['.. as bytes', [line({ path64: Buffer.from('../escaped').toString('base64') })], /leads elsewhere/],
    ['.. alone', [line({ path64: nowhere, type: 'directory' })], /leads elsewhere/],
    ['an absolute path', [line({ path: '/escaped' })], /leads elsewhere/],
    ['an empty path', [line({ path: '' })], /leads elsewhere/],
    ['a NUL', [line({ path: 'a\0b' })], /a NUL in a path/],
    ['a NUL as bytes', [line({ path64: Buffer.from('a\0b').toString('base64') })], /a NUL in a path/],
    ['a NUL in a target', [line({ path: 'a', type: 'symlink', target: 'b\0' })], /a NUL in a target/],
    ['two forms of a path', [line({ path: 'a', path64: nowhere })], /two forms/],
    [
      'a way through a symbolic link',
      [line({ path: 'a', type: 'symlink', target: '..' }), line({ path: 'a/escaped' })],
      /under something that is no directory/,
    ],
    [
      'a directory that is a symbolic link first',
      [line({ path: 'a', type: 'symlink', target: '..' }), line({ path: 'a', type: 'directory' })],
      /is there twice/,
    ],
    [
      'one path in two forms',
      [
        line({ path: 'a', type: 'symlink', target: '..' }),
        line({ path64: Buffer.from('a').toString('base64'), type: 'directory' }),
        line({ path: 'a/escaped' }),
      ],
      /is there twice/,
    ],
    ['a newline in a type', [line({ path: 'a', type: 'fifo\nE\tfile\t0644' })], /not like/],
    ['a newline in a time', [line({ path: 'a', mtime: '1.000000000\n' })], /not like/],
    ['text for a mode', [line({ path: 'a', mode: '0644' })], /no number/],
    ['text for an owner', [line({ path: 'a', uid: '0\nE' })], /no number/],
    ['text for a size', [line({ path: 'a', size: '0\t' })], /do not fill|no number/],
    ['text in extents', [line({ path: 'a', size: 9, data: [['0 of=x', 0]] })], /no number/],
    [
      'text in a location',
      [line({ path: 'a', size: 1, hash: digest, locations: [[0, 0, '0\n', 9, 0, 1]] })],
      /no number/,
    ],
    [
      'a digest that is none',
      [line({ path: 'a', size: 1, hash: 'x\ny', locations: [[0, 0, 0, 9, 0, 1]] })],
      /not like/,
    ],
    [
      'a part of nobody',
      [line({ path: 'a', size: 1, hash: digest, locations: [[0, 7, 0, 9, 0, 1]] })],
      /no manifest names/,
    ],
    ['too few bytes', [line({ path: 'a', size: 2, hash: digest, locations: [[0, 0, 0, 9, 0, 1]] })], /do not fill/],
    [
      'content with another hash',
      [line({ path: 'a', size: 4, hash: digest, locations: [[0, 0, 0, 13, 0, 4]] })],
      /SHA-256/,
    ],
  ];

  /** Writes the store and imports the private key; then any run can be recovered. */
  async function open(host: SyntheticHost, gpg: Gpg) {
    writeFileSync(join(root, 'public.asc'), host.operator.publicKey.armored);
    await gpg.run(['--import'], { input: host.operator.armored });
    const store = mkdtempSync(join(root, 'store-'));
    for await (const { key } of host.store.list('')) {
      cpSync('/dev/null', join(store, key), { recursive: true });
      writeFileSync(join(store, key), (await host.store.get(key)).body);
    }
    return (id: string, target: string) => {
      const args = [store, join(root, 'public.asc'), id, '--host', 'carcosa', '--set', 'data', '--to', target];
      return run(SHELL, [SCRIPT, ...args], { GNUPGHOME: gpg.home });
    };
  }

  test('and brings back what can be, and says what cannot', async () => {
    const host = await SyntheticHost.make();
    const written = new SyntheticRun(host);
    written.directory('closed', { error: 'EACCES' });
    written.file('file', 'all of it');
    written.file('older', 'of the run before', { error: 'EIO', stale: true });
    written.add({ path: 'socket' as BytePath, type: 'socket' });
    written.add({ path: 'unreadable' as BytePath, size: 5, error: 'EACCES' });
    const pieces = written.group(Buffer.from('one '), Buffer.from('two '), Buffer.from('three'));
    const { locations: _, ...content } = written.contentOf(pieces);
    const tuples = pieces.map((at) => [
      at.source,
      at.part,
      at.frameOffset,
      at.frameLength,
      at.offset,
      at.length,
      at.digest,
    ]);
    const [first, ...rest] = tuples;
    const more = rest.map((tuple) => `${JSON.stringify({ more: [tuple] })}\n`).join('');
    written.addLine('zz', line({ path: 'zz', ...content, locations: [first] }) + more);
    const { run: id } = await written.write({ linesAChunk: 1 });
    await using gpg = new Gpg();
    const target = join(root, 'what can be');
    const result = (await open(host, gpg))(id, target);
    assert.equal(result.status, 3, result.stderr);
    assert.deepEqual(readdirSync(target), ['closed', 'file', 'older', 'zz']);
    assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'all of it');
    assert.equal(readFileSync(join(target, 'older'), 'utf8'), 'of the run before');
    assert.equal(readFileSync(join(target, 'zz'), 'utf8'), 'one two three');
    assert.match(result.stderr, /not as it was: older\tEIO\tolder content/);
    assert.match(result.stderr, /not as it was: unreadable\tEACCES\tno content/);
    assert.match(result.stderr, /not as it was: closed\tEACCES/);
    assert.match(result.stderr, /not restored: socket/);
  });

  test('and escapes nowhere', async () => {
    const host = await SyntheticHost.make();
    const runs: [id: string, what: string, why: RegExp][] = [];
    for (const [what, lines, why] of hostile) {
      const written = new SyntheticRun(host);
      written.chunk(Buffer.from('data'));
      for (const [i, one] of lines.entries()) written.addLine(`line ${i}`, one);
      runs.push([(await written.write({ isSorted: false })).run, what, why]);
    }
    await using gpg = new Gpg();
    const recover = await open(host, gpg);
    for (const [id, what, why] of runs) {
      const result = recover(id, join(root, 'inside/target'));
      assert.match(result.stderr, why, what);
      assert.equal(result.status, 1, what);
      assert.deepEqual(existsSync(join(root, 'inside')) ? readdirSync(join(root, 'inside')) : [], [], what);
      assert.deepEqual(
        readdirSync(root).filter((name) => name.includes('escaped')),
        [],
        what,
      );
    }
  });
});
