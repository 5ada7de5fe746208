import assert from 'node:assert/strict';
import { before, beforeEach, describe, test } from 'node:test';
import { objectKey } from '../../contract/keys.ts';
import type { PrivateKey } from '../../pgp/keys.ts';
import { readAcceptance, writeAcceptance } from '../../repository/acceptance.ts';
import { eachOf, everyOf } from '../../repository/concurrent.ts';
import { Evidence } from '../../repository/evidence.ts';
import { MemoryStore } from '../../store/memory.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import {
  accept,
  certify,
  makeOperator,
  makeSigningKey,
  type Published,
  TestHost,
  type TestOperator,
} from '../helpers/signed-run.ts';

let operator: TestOperator;
let key: PrivateKey;
let foreign: PrivateKey;
before(async () => {
  [operator, key, foreign] = await Promise.all([makeOperator(), makeSigningKey(), makeSigningKey()]);
});

let clock: FakeClock;
let store: MemoryStore;
let host: TestHost;
let first: Published;
let second: Published;
beforeEach(async () => {
  clock = new FakeClock('2026-11-20T04:20:00Z');
  store = new MemoryStore({ clock });
  host = new TestHost({ store, clock }, { name: 'carcosa', signingKey: key });
  await host.register();
  await certify(store, operator, host);
  first = await host.backUp();
  clock.set('2026-11-21T04:20:00Z');
  second = await host.backUp({ parts: 5 });
});
const evidence = (from = store as Parameters<typeof faultyStore>[0]) => new Evidence(from, operator.anchor);

describe('a manifest', () => {
  test('that is valid comes with its signer, its certification and when the store received it', async () => {
    const found = await evidence().manifest(second.place);
    assert.ok(found.state === 'valid');
    const { manifest, payloadHash, signer, certification, received } = found.signed;
    assert.deepEqual([manifest, payloadHash, signer], [second.manifest, second.payloadHash, key.fingerprint]);
    assert.deepEqual([certification.state, received], ['certified', new Date('2026-11-21T04:20:00Z')]);
  });
  test('that is not there is absent', async () => {
    assert.deepEqual(await evidence().manifest({ ...second.place, run: '20261121T040000Z-0123456789ab' }), {
      state: 'absent',
    });
  });

  const INVALID: Record<string, [code: string, damage: () => Buffer | Promise<Buffer>]> = {
    'is no JSON': ['document-invalid', () => Buffer.from('{')],
    'is no UTF-8': ['document-invalid', () => Buffer.from([0xff, 0xfe])],
    'is no envelope': ['document-invalid', () => Buffer.from('{"payload":"e30="}')],
    'is another one’s bytes': ['manifest-invalid', () => first.bytes],
    'was changed': ['signature-invalid', () => withPayload((text) => text.replace('"files":100', '"files":101'))],
    'was signed by a foreign key': ['signature-invalid', async () => (await made({ signer: foreign })).bytes],
    'names another set': [
      'manifest-invalid',
      async () => (await made({ change: (m) => ({ ...m, set: 'etc' }) })).bytes,
    ],
    'names an object of another host': [
      'manifest-invalid',
      async () =>
        (
          await made({
            change: (m) => ({
              ...m,
              objects: m.objects.map(([k, ...rest]) => [k.replace('mi-carcosa', 'mi-purr'), ...rest]),
            }),
          })
        ).bytes,
    ],
    'is of a newer format': [
      'format-unknown',
      async () => (await made({ change: (m) => ({ ...m, format: 2 as 1 }) })).bytes,
    ],
  };
  const made = (options: Parameters<TestHost['backUp']>[0]) =>
    host.clone().backUp({ ...options, run: second.run, after: first, publish: false, parts: 0 });
  function withPayload(change: (text: string) => string): Buffer {
    const envelope = JSON.parse(second.bytes.toString());
    const payload = Buffer.from(change(Buffer.from(envelope.payload, 'base64').toString())).toString('base64');
    return Buffer.from(JSON.stringify({ ...envelope, payload }));
  }
  for (const [what, [code, damage]] of Object.entries(INVALID)) {
    test(`that ${what} is invalid, and evidence all the same`, async () => {
      for (const object of [
        ...second.manifest.objects.map(([name]) => name),
        second.manifest.keyObjects[0]?.[1] as string,
      ])
        store.remove(object);
      store.overwrite(second.key, await damage());
      const found = await evidence().manifest(second.place);
      assert.ok(found.state === 'invalid', found.state);
      assert.deepEqual([found.code, found.received], [code, new Date('2026-11-21T04:20:00Z')]);
      assert.ok(found.why.includes(second.key));
    });
  }
  test('that is larger than any can be is invalid, unread', async () => {
    const faults = [{ operation: 'get', key: /manifest\.json$/, does: 'fail', code: 'document-too-large' }] as const;
    const found = await evidence(faultyStore(store, { faults })).manifest(second.place);
    assert.deepEqual([found.state, found.state === 'invalid' && found.code], ['invalid', 'document-too-large']);
  });

  test('by a key that is registered later is valid then, also for who looked before', async () => {
    const run = await host.backUp({ signer: foreign });
    const one = evidence();
    assert.equal((await one.manifest(run.place)).state, 'invalid');
    await host.register(foreign);
    const found = await one.manifest(run.place);
    assert.ok(found.state === 'valid');
    assert.deepEqual([found.signed.signer, found.signed.certification.state], [foreign.fingerprint, 'uncertified']);
  });

  test('is certified by the trust.json of now, and by the operator’s alone', async () => {
    const one = evidence();
    const purr = new TestHost({ store, clock }, { name: 'purr', signingKey: foreign });
    await purr.register();
    const run = await purr.backUp();
    const state = async (from: Evidence) => {
      const found = await from.manifest(run.place);
      return found.state === 'valid' ? found.signed.certification.state : found.state;
    };
    assert.equal(await state(one), 'uncertified');
    await certify(store, operator, purr);
    assert.equal(await state(one), 'certified');
    assert.equal(await state(new Evidence(store, [foreign.publicKey])), 'uncertified');
    assert.equal(await state(new Evidence(store, [])), 'uncertified');
    store.remove('config/trust.json');
    assert.equal(await state(one), 'uncertified');
  });
});

describe('objects', () => {
  test('are all asked about, parts, listing, index and key objects, and only by HEAD', async () => {
    const counting = faultyStore(store);
    const answers = await evidence(counting).objects(second.manifest);
    assert.equal(answers.size, 8);
    for (const [name, size, sha256] of second.manifest.objects) assert.deepEqual(answers.get(name), { size, sha256 });
    assert.deepEqual([...new Set(counting.calls.map(({ operation }) => operation))], ['head']);
  });
  test('that are missing are null, those that changed as they are now', async () => {
    const [one, other] = second.manifest.objects.map(([name]) => name) as [string, string];
    store.remove(one);
    store.overwrite(other, Buffer.from('x'));
    const answers = await evidence().objects(second.manifest);
    assert.equal(answers.get(one), null);
    assert.equal(answers.get(other)?.size, 1);
  });
  test('are asked about within bounds', async () => {
    let [now, most] = [0, 0];
    const slow = {
      ...faultyStore(store),
      head: async (name: string) => {
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        return store.head(name);
      },
    };
    const many = await host.backUp({ parts: 300 });
    assert.equal((await evidence(slow).objects(many.manifest)).size, 303);
    assert.ok(most > 16 && most <= 64, `${most}`);
  });
});

describe('sources', () => {
  test('are answered by the hash of the payload that lies there', async () => {
    const answers = await evidence().sources(second.manifest);
    assert.deepEqual([...answers], [[first.run, { state: 'present', payload: first.payloadHash }]]);
    assert.equal((await evidence().sources(first.manifest)).size, 0);
  });
  test('that are lost or unreadable are evidence', async () => {
    store.overwrite(first.key, Buffer.from('{'));
    const damaged = (await evidence().sources(second.manifest)).get(first.run);
    assert.equal(damaged?.state, 'unreadable');
    store.remove(first.key);
    assert.deepEqual((await evidence().sources(second.manifest)).get(first.run), { state: 'absent' });
  });
});

describe('an acceptance', () => {
  test('is the operator’s, of this very run', async () => {
    assert.deepEqual(await evidence().acceptance(second.place), { state: 'absent' });
    await accept(store, operator, second);
    const found = await evidence().acceptance(second.place);
    assert.ok(found.state === 'valid');
    assert.deepEqual([found.acceptance.payload, found.acceptance.because], [second.payloadHash, 'looked at it']);
    const signing = { key: operator.key, now: clock.now() };
    await assert.rejects(
      writeAcceptance(store, { ...second.place, payload: second.payloadHash, because: 'again' }, signing),
      { code: 'store-exists' },
    );
  });
  test('by anybody else, damaged, or of another run is none', async () => {
    const acceptedKey = (place: Published['place']) => objectKey({ kind: 'accepted', ...place });
    await accept(store, { ...operator, key }, second);
    const { body } = await store.get(acceptedKey(second.place));
    assert.equal((await evidence().acceptance(second.place)).state, 'invalid');
    await assert.rejects(readAcceptance(store, operator.anchor, second.place), { code: 'signature-invalid' });
    await accept(store, operator, first);
    store.overwrite(acceptedKey(second.place), (await store.get(acceptedKey(first.place))).body);
    await assert.rejects(readAcceptance(store, operator.anchor, second.place), { code: 'document-invalid' });
    store.overwrite(acceptedKey(second.place), body.subarray(0, 100));
    assert.equal((await evidence().acceptance(second.place)).state, 'invalid');
  });
  test('without a word why is not written', async () => {
    const signing = { key: operator.key, now: clock.now() };
    await assert.rejects(
      writeAcceptance(store, { ...second.place, payload: second.payloadHash, because: '' }, signing),
      { code: 'document-invalid' },
    );
  });
});

test('a bad day of the store is no evidence: it is thrown', async () => {
  for (const code of ['store-throttled', 'store-transient', 'store-denied', 'store-cold'] as const) {
    const bad = (operation: 'get' | 'head', name: RegExp) =>
      evidence(faultyStore(store, { faults: [{ operation, key: name, does: 'fail', code }] }));
    await assert.rejects(bad('get', /manifest\.json$/).manifest(second.place), { code });
    await assert.rejects(bad('get', /^hosts/).manifest(second.place), { code });
    await assert.rejects(bad('get', /trust/).manifest(second.place), { code });
    await assert.rejects(bad('head', /^data/).objects(second.manifest), { code });
    await assert.rejects(bad('get', /manifest\.json$/).sources(second.manifest), { code });
    await assert.rejects(bad('get', /^accepted/).acceptance(second.place), { code });
  }
});

describe('bounded concurrency', () => {
  const wait = () => new Promise<void>((resolve) => setImmediate(resolve));
  test('eachOf begins nothing more after an error, and throws it', async () => {
    const begun: number[] = [];
    const work = async (n: number) => {
      begun.push(n);
      await wait();
      if (n === 3) throw new Error('three');
    };
    await assert.rejects(eachOf(Array(100).keys(), 2, work), /three/);
    assert.ok(begun.length <= 5, `${begun}`);
    await eachOf([], 4, work);
  });
  test('everyOf reaches every item, and returns the errors', async () => {
    let done = 0;
    const errors = await everyOf(Array(50).keys(), 7, async (n) => {
      await wait();
      if (n % 10 === 0) throw new Error(`${n}`);
      done++;
    });
    assert.deepEqual([done, errors.length], [45, 5]);
  });
});
