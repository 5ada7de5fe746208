/** Uploads that are limited: by a clock of the test's own, so that what is measured is the limit and not the machine. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openDirectoryStore } from '../../store/directory.ts';
import type { ObjectStore } from '../../store/port.ts';
import { openS3Store } from '../../store/s3.ts';
import { FreshCredentials } from '../../store/s3-credentials.ts';
import { paced, UploadRate } from '../../store/upload-rate.ts';
import { parseStoreUrl } from '../../store/url.ts';
import { openStore } from '../../store/wire.ts';
import { ManualTime } from '../helpers/manual-time.ts';
import { type S3Server, startS3Server } from '../helpers/s3-server.ts';
import { rejects } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const RATE = 100_000;
/** What may go at once after a rest, in milliseconds of the rate. */
const KEPT = 250;

const base = await mkdtemp(join(tmpdir(), 'offsite-rate-'));
let server: S3Server;
before(async () => {
  server = await startS3Server();
});
after(async () => {
  await server.close();
  await rm(base, { recursive: true, force: true });
});

function limit(time: ManualTime, signal?: AbortSignal): UploadRate {
  return new UploadRate(RATE, { now: time.now, sleep: time.sleep, signal });
}

describe('the upload rate', () => {
  it('is what all uploads get together, to the millisecond', async () => {
    const time = new ManualTime();
    const rate = limit(time);
    const upload = async (bytes: number) => {
      let sent = 0;
      for await (const piece of paced(Buffer.alloc(bytes), rate)) sent += piece.length;
      assert.equal(sent, bytes);
    };
    await time.until(Promise.all([upload(400_000), upload(300_000), upload(300_000)]));
    // A million bytes are ten seconds. The first ones need not wait, and nobody waits for the last ones to be gone.
    const last = (rate.pieceSize / RATE) * 1000;
    assert.ok(time.now() <= 10_000 - KEPT && time.now() >= 10_000 - KEPT - last, `${time.now()}`);
  });

  it('is shared piece by piece: nobody waits for another whole object', async () => {
    const time = new ManualTime();
    const rate = limit(time);
    const ended: [string, number][] = [];
    const upload = async (name: string, bytes: number) => {
      for await (const _ of paced(Buffer.alloc(bytes), rate));
      ended.push([name, time.now()]);
    };
    await time.until(Promise.all([upload('big', 1_000_000), upload('small', 50_000)]));
    assert.equal(ended[0]?.[0], 'small');
    assert.ok((ended[0]?.[1] ?? 0) < 1500, 'fifty thousand bytes of a half share are a second');
  });

  it('is not saved up: after a rest no more goes at once than a quarter of a second brings', async () => {
    const time = new ManualTime();
    const rate = limit(time);
    await rate.take(1);
    void time.sleep(3_600_000);
    time.advance();
    const rested = time.now();
    let atOnce = 0;
    const sending = (async () => {
      for (let i = 0; i < 100; i++) {
        await rate.take(1000);
        if (time.now() === rested) atOnce += 1000;
      }
    })();
    await time.until(sending);
    assert.ok(atOnce >= (KEPT / 1000) * RATE && atOnce <= (KEPT / 1000) * RATE + 1000, `${atOnce}`);
  });

  it('ends at once when the command is stopped', async () => {
    const time = new ManualTime();
    const stop = new AbortController();
    const rate = limit(time, stop.signal);
    await rate.take(RATE);
    const waiting = rate.take(RATE);
    assert.equal(time.sleepers, 1);
    stop.abort(new Error('SIGINT'));
    await rejects(waiting, 'interrupted');
    await rejects(rate.take(1), 'interrupted');
  });

  it('must be one that connections outlive', () => {
    for (const bytes of [0, -1, Number.NaN]) assert.throws(() => new UploadRate(bytes), RangeError);
  });
});

/** Both kinds of store, each with a limit and a clock. */
const kinds: Record<string, (rate: UploadRate) => Promise<ObjectStore>> = {
  'a directory': async (rate) => openDirectoryStore(await mkdtemp(join(base, 'store-')), { create: true, rate }),
  'a bucket': async (rate) => {
    const location = parseStoreUrl(server.url(`p${server.requests.length}`));
    assert.ok(location.kind === 's3');
    const load = async () => ({ accessKeyId: 'AKID', secretAccessKey: 's' });
    return openS3Store(location.url, location, { rate, concurrency: 8, credentials: new FreshCredentials(load) });
  },
};

for (const [kind, open] of Object.entries(kinds)) {
  describe(`${kind} with a limit`, () => {
    it('takes the time that the limit says for big and small objects together, and keeps them whole', async () => {
      const time = new ManualTime();
      const store = await open(limit(time));
      const bodies = [400_000, 5000, 600_000, 0, 95_000].map((size) => randomBytes(size));
      await time.until(Promise.all(bodies.map((body, i) => store.put(`k${i}`, body, ABSENT))));
      assert.ok(time.now() >= 11_000 - KEPT - 200, `1.1 million bytes in ${time.now()} ms`);
      for (const [i, body] of bodies.entries()) assert.ok((await store.get(`k${i}`)).body.equals(body));
    });

    it('leaves nothing behind where it is stopped half-way', async () => {
      const time = new ManualTime();
      const stop = new AbortController();
      const store = await open(limit(time, stop.signal));
      const put = store.put('big', randomBytes(1_000_000), ABSENT);
      while (time.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
      time.advance();
      stop.abort(new Error('SIGTERM'));
      await rejects(put, 'interrupted');
      await rejects(store.get('big'), 'store-absent');
    });
  });
}

it('a directory gets an object little by little', async () => {
  const time = new ManualTime();
  const folder = await mkdtemp(join(base, 'store-'));
  const store = await openDirectoryStore(folder, { create: true, rate: limit(time) });
  const put = store.put('a', randomBytes(200_000), ABSENT);
  const sizes = new Set<number>();
  const look = async () => {
    while (time.sleepers === 0 && !(await readdir(folder)).includes('a'))
      await new Promise((resolve) => setImmediate(resolve));
    const temporaries = join(folder, '.offsite/tmp');
    for (const name of await readdir(temporaries)) sizes.add((await stat(join(temporaries, name))).size);
  };
  do await look();
  while (time.advance());
  await put;
  assert.ok(sizes.size > 5 && Math.max(...sizes) <= 200_000, [...sizes].join());
});

it('an opened store has no limit but the one it is given', async () => {
  const url = (name: string) => `file://${join(base, name)}`;
  const stop = new AbortController();
  stop.abort(new Error('SIGINT'));
  const free = await openStore(url('free'), { create: true, signal: stop.signal });
  await free.put('a', randomBytes(1_000_000), ABSENT);
  const bound = await openStore(url('bound'), { create: true, limitUpload: 16_000, signal: stop.signal });
  await rejects(bound.put('a', randomBytes(1_000_000), ABSENT), 'interrupted');
  await assert.rejects(openStore(url('bound'), { limitUpload: -1 }), RangeError);
});
