/**
 * What the prose of store/port.ts promises, as tests: every adapter and every wrapper that does not forbid something
 * runs them.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import type { ErrorCode } from '../../contract/errors.ts';
import { OffsiteError } from '../../contract/errors.ts';
import type { ObjectStore } from '../../store/port.ts';
import { increment, startStoreProcess } from '../helpers/store-process.ts';

/** An empty store of a test's own. */
export interface Opened {
  readonly store: ObjectStore;
  /** What other processes open it by, where they can. */
  readonly url?: string;
}

export interface ConformanceOptions {
  /** Whether to start processes, which costs seconds: once for each kind of store, not again for each wrapper. */
  readonly processes?: boolean;
}

const ABSENT = { condition: 'absent' } as const;

/** Tricky neighbours in bytewise order: `-` and `.` come before the slash, `0` after it, U+FFFD before U+10000. */
const TRICKY_KEYS = [
  'a b/+&<',
  'a-b',
  'a-b0/x',
  'a.b/c',
  'a/-',
  'a/b-c/d',
  'a/b/c',
  'a/b/d/e',
  'a/b0',
  'a/ÿ',
  'a/\u{fffd}',
  'a/\u{10000}',
  'a0',
  'b%2F/%41',
  'é/x',
];

export function conforms(name: string, open: () => Promise<Opened>, { processes = false }: ConformanceOptions = {}) {
  describe(`${name} keeps the port's promises`, () => {
    it('gives back what was put', async () => {
      const { store } = await open();
      const body = randomBytes(1000);
      const { etag } = await store.put('a/b', body, ABSENT);
      const found = await store.get('a/b');
      assert.ok(found.body.equals(body));
      assert.deepEqual([found.key, found.size, found.etag, found.cold], ['a/b', 1000, etag, false]);
    });

    it('keeps empty objects', async () => {
      const { store } = await open();
      await store.put('empty', Buffer.alloc(0), { ...ABSENT, sha256: sha256(Buffer.alloc(0)) });
      assert.equal((await store.get('empty')).body.length, 0);
      assert.equal((await store.head('empty')).size, 0);
    });

    it('tells size, time, etag and its own SHA-256 without sending the content', async () => {
      const { store } = await open();
      const before = Date.now();
      const { etag } = await store.put('a', Buffer.from('hello'), ABSENT);
      const info = await store.head('a');
      assert.deepEqual([info.key, info.size, info.etag, info.cold], ['a', 5, etag, false]);
      assert.equal(info.sha256, sha256(Buffer.from('hello')));
      assert.ok(Math.abs(info.lastModified.getTime() - before) < 60_000);
      assert.ok(!('body' in info));
    });

    it('makes an object once', async () => {
      const { store } = await open();
      await store.put('a', Buffer.from('first'), ABSENT);
      await rejects(store.put('a', Buffer.from('second'), ABSENT), 'store-exists');
      await rejects(store.put('a', Buffer.from('first'), ABSENT), 'store-exists');
      assert.equal(String((await store.get('a')).body), 'first');
    });

    it('lets exactly one of many callers make an object', async () => {
      const { store } = await open();
      const tries = Array.from({ length: 20 }, (_, n) => store.put('one', Buffer.from(`caller ${n}`), ABSENT));
      const results = await Promise.allSettled(tries);
      const winners = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
      assert.equal(winners.length, 1);
      assert.equal(String((await store.get('one')).body), `caller ${winners[0]}`);
      for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'store-exists');
    });

    it('refuses bytes that have not the given SHA-256', async () => {
      const { store } = await open();
      const wrong = { ...ABSENT, sha256: sha256(Buffer.from('other')) };
      await rejects(store.put('a', Buffer.from('these'), wrong), 'store-transient');
      await rejects(store.head('a'), 'store-absent');
      await store.put('a', Buffer.from('these'), { ...ABSENT, sha256: sha256(Buffer.from('these')) });
    });

    it('replaces an object only while it is what the caller read', async () => {
      const { store } = await open();
      const first = await store.put('a', Buffer.from('1'), ABSENT);
      const second = await store.put('a', Buffer.from('2'), { condition: { etag: first.etag } });
      assert.notEqual(first.etag, second.etag);
      await rejects(store.put('a', Buffer.from('3'), { condition: { etag: first.etag } }), 'store-changed');
      assert.equal(String((await store.get('a')).body), '2');
      assert.equal((await store.head('a')).etag, second.etag);
    });

    it('replaces nothing that is absent', async () => {
      const { store } = await open();
      const { etag } = await store.put('a', Buffer.from('1'), ABSENT);
      await rejects(store.put('b', Buffer.from('2'), { condition: { etag } }), 'store-changed');
      await rejects(store.put('no/such/folder', Buffer.from('2'), { condition: { etag } }), 'store-changed');
      assert.deepEqual(await keysOf(store, ''), ['a']);
    });

    it('lets exactly one of many callers with one etag replace', async () => {
      const { store } = await open();
      const { etag } = await store.put('a', Buffer.from('start'), ABSENT);
      const tries = Array.from({ length: 10 }, (_, n) => store.put('a', Buffer.from(`${n}`), { condition: { etag } }));
      const results = await Promise.allSettled(tries);
      const winners = results.flatMap(({ status }, n) => (status === 'fulfilled' ? [n] : []));
      assert.equal(winners.length, 1);
      assert.equal(String((await store.get('a')).body), `${winners[0]}`);
      for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'store-changed');
    });

    it('says what is absent', async () => {
      const { store } = await open();
      await store.put('a/b', Buffer.from('x'), ABSENT);
      for (const key of ['b', 'a', 'a/c', 'a/b/c', 'x/y/z']) {
        await rejects(store.get(key), 'store-absent');
        await rejects(store.head(key), 'store-absent');
      }
    });

    it('refuses to read more than the caller allows', async () => {
      const { store } = await open();
      await store.put('a', Buffer.alloc(100), ABSENT);
      assert.equal((await store.get('a', { maxBytes: 100 })).size, 100);
      await rejects(store.get('a', { maxBytes: 99 }), 'document-too-large');
    });

    it('lists in bytewise order, from any place on', async () => {
      const { store } = await open();
      for (const key of [...TRICKY_KEYS].reverse()) await store.put(key, Buffer.from(key), ABSENT);
      const order = [...TRICKY_KEYS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(await keysOf(store, ''), order);
      for (const prefix of ['a', 'a/', 'a/b', 'a/b/', 'a-', 'a/b/c', 'b%', 'é', 'none', 'none/', 'a/b/c/']) {
        const expected = order.filter((key) => key.startsWith(prefix));
        assert.deepEqual(await keysOf(store, prefix), expected, `prefix ${prefix}`);
      }
      for (const after of ['a', 'a-b', 'a/', 'a/b', 'a/b/c', 'a/b/zzz', 'a0', 'é/x', 'zzz']) {
        const expected = order.filter((key) => Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0);
        assert.deepEqual(await keysOf(store, '', after), expected, `after ${after}`);
      }
      assert.deepEqual(
        await keysOf(store, 'a/', 'a/b/c'),
        order.slice(order.indexOf('a/b/c') + 1, order.indexOf('a0')),
      );
    });

    it('lists size and time of each object', async () => {
      const { store } = await open();
      await store.put('a/b', Buffer.alloc(7), ABSENT);
      const [found] = await collect(store.list('a/'));
      assert.deepEqual([found?.key, found?.size], ['a/b', 7]);
      assert.ok(found?.lastModified instanceof Date);
    });

    it('lists folders, each once and in bytewise order', async () => {
      const { store } = await open();
      for (const key of TRICKY_KEYS) await store.put(key, Buffer.from(key), ABSENT);
      const folders = (prefix: string) => collect(store.listFolders(prefix));
      assert.deepEqual(await folders(''), ['a b/', 'a-b0/', 'a.b/', 'a/', 'b%2F/', 'é/']);
      assert.deepEqual(await folders('a'), ['a b/', 'a-b0/', 'a.b/', 'a/']);
      assert.deepEqual(await folders('a/'), ['a/b-c/', 'a/b/']);
      assert.deepEqual(await folders('a/b/'), ['a/b/d/']);
      assert.deepEqual(await folders('none/'), []);
      assert.deepEqual(await folders('a/b/c/'), []);
    });

    it('lets a list be left early, and the store be used meanwhile', async () => {
      const { store } = await open();
      for (const key of ['a', 'b', 'c']) await store.put(key, Buffer.from(key), ABSENT);
      for await (const { key } of store.list('')) {
        assert.equal(String((await store.get(key)).body), key);
        if (key === 'b') break;
      }
      assert.deepEqual(await keysOf(store, 'c'), ['c']);
    });

    it('shows every caller what a put has written', async () => {
      const { store } = await open();
      for (let n = 0; n < 10; n++) {
        await store.put(`seen/${n}`, Buffer.from('x'), ABSENT);
        assert.equal((await keysOf(store, 'seen/')).length, n + 1);
      }
    });

    it('takes big objects, several at once', async () => {
      const { store } = await open();
      const bodies = Array.from({ length: 6 }, (_, n) => Buffer.alloc(5_000_000 + n, randomBytes(4096)));
      await Promise.all(bodies.map((body, n) => store.put(`big/${n}`, body, { ...ABSENT, sha256: sha256(body) })));
      for (const [n, body] of bodies.entries()) {
        assert.ok((await store.get(`big/${n}`)).body.equals(body));
        assert.equal((await store.head(`big/${n}`)).sha256, sha256(body));
      }
    });

    it('refuses keys that cannot be', async () => {
      const { store } = await open();
      const long = `${'k'.repeat(200)}/`.repeat(5);
      const keys = [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        'a/../b',
        './a',
        'a/.',
        'a\0b',
        'a\nb',
        '\ud800',
        `${long}${long}`,
      ];
      for (const key of [...keys, 'k'.repeat(256), '.offsite/tmp/x', '.offsite']) {
        await rejects(store.put(key, Buffer.from('x'), ABSENT), 'object-key-invalid');
        await rejects(store.get(key), 'object-key-invalid');
        await rejects(store.head(key), 'object-key-invalid');
      }
      for (const prefix of ['/', 'a//', '../', 'a/../', 'a\0']) {
        await rejects(keysOf(store, prefix), 'object-key-invalid');
        await rejects(collect(store.listFolders(prefix)), 'object-key-invalid');
      }
      assert.deepEqual(await keysOf(store, ''), []);
      const longest = Array.from({ length: 5 }, () => 'k'.repeat(195)).join('/');
      await store.put(longest, Buffer.from('x'), ABSENT);
      assert.deepEqual(await keysOf(store, ''), [longest]);
    });

    if (processes) betweenProcesses(open);
  });
}

function betweenProcesses(open: () => Promise<Opened>): void {
  it('lets exactly one of two processes make an object, time after time', async () => {
    const { store, url = '' } = await open();
    const [one, two] = await Promise.all([startStoreProcess(url), startStoreProcess(url)]);
    try {
      const wins = { one: 0, two: 0 };
      for (let n = 0; n < 100; n++) {
        const key = `race/${n}`;
        const answers = await Promise.all([
          one.ask({ do: 'put', key, text: 'one' }),
          two.ask({ do: 'put', key, text: 'two' }),
        ]);
        assert.deepEqual([...answers].sort(), ['done', 'store-exists'], `round ${n}: ${answers}`);
        const winner = answers[0] === 'done' ? 'one' : 'two';
        wins[winner]++;
        assert.equal(String((await store.get(key)).body), winner);
      }
      assert.equal(wins.one + wins.two, 100);
    } finally {
      await Promise.all([one.kill(), two.kill()]);
    }
  });

  it('loses no increment of processes that compare and swap', async () => {
    const { store, url = '' } = await open();
    await store.put('counter', Buffer.from('0'), ABSENT);
    const others = await Promise.all([startStoreProcess(url), startStoreProcess(url)]);
    try {
      const asked = others.map((other) => other.ask({ do: 'increment', key: 'counter', times: 25 }));
      for (let n = 0; n < 25; n++) await increment(store, 'counter');
      assert.deepEqual(await Promise.all(asked), ['done', 'done']);
      assert.equal(String((await store.get('counter')).body), '75');
    } finally {
      await Promise.all(others.map((other) => other.kill()));
    }
  });
}

export async function keysOf(store: ObjectStore, prefix: string, after?: string): Promise<string[]> {
  const listed = await collect(store.list(prefix, after === undefined ? {} : { after }));
  return listed.map(({ key }) => key);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** The promise must end with an OffsiteError of this code; returns it. */
export async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<OffsiteError> {
  const error = await promise.then(
    () => assert.fail(`expected ${code}, but it succeeded`),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OffsiteError, `expected ${code}, got ${String(error)}`);
  assert.equal(error.code, code, error.message);
  return error;
}

export function sha256(body: Uint8Array): string {
  return createHash('sha256').update(body).digest('hex');
}
