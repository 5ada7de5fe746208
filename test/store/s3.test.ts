import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ErrorCode } from '../../contract/errors.ts';
import type { ObjectStore } from '../../store/port.ts';
import { retried } from '../../store/retry.ts';
import { openS3Store } from '../../store/s3.ts';
import { FreshCredentials } from '../../store/s3-credentials.ts';
import { s3Error } from '../../store/s3-errors.ts';
import { parseStoreUrl } from '../../store/url.ts';
import { openStore } from '../../store/wire.ts';
import { type S3Server, type ServedFault, startS3Server } from '../helpers/s3-server.ts';
import { collect, conforms, keysOf, rejects, sha256 } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const X = Buffer.from('x');

const base = await mkdtemp(join(tmpdir(), 'offsite-s3-'));
const credentialsFile = join(base, 'credentials');
let server: S3Server;
let count = 0;

before(async () => {
  server = await startS3Server();
  // Other processes of the tests inherit this: no credentials but the file's, and no look for an instance's.
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  process.env.AWS_SHARED_CREDENTIALS_FILE = credentialsFile;
  process.env.AWS_CONFIG_FILE = join(base, 'config');
  process.env.AWS_EC2_METADATA_DISABLED = 'true';
  await writeCredentials('AKIDFIRST');
});
after(async () => {
  await server.close();
  await rm(base, { recursive: true, force: true });
});

async function writeCredentials(id: string): Promise<void> {
  await writeFile(credentialsFile, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = s-${id}\n`);
}

/** The bare adapter, in a prefix of its own. */
function adapter(url = server.url(`p${count++}`), credentials?: FreshCredentials): ObjectStore {
  const location = parseStoreUrl(url);
  assert.ok(location.kind === 's3');
  return openS3Store(location.url, location, credentials === undefined ? {} : { credentials });
}

/** The next request for this store goes wrong. */
function fault(does: ServedFault['does'], more: Partial<ServedFault> = {}): void {
  server.faults.push({ does, ...more });
}

conforms(
  'S3 store',
  async () => {
    const url = server.url(`p${count++}`);
    server.pageSize = 3;
    return { store: adapter(url), url };
  },
  { processes: true },
);
conforms('opened S3 store', async () => {
  const url = server.url(`p${count++}/deeper`);
  server.pageSize = 1;
  return { store: await openStore(url, { patience: 0 }), url };
});

describe('what the S3 store sends', () => {
  it('is the SHA-256 once as checksum and once as signed digest, and the condition', async () => {
    const store = adapter(server.url('sent'));
    const body = Buffer.alloc(3_000_000, 'abc');
    const { etag } = await store.put('a', body, { ...ABSENT, sha256: sha256(body) });
    const first = server.requests.at(-1)?.headers ?? {};
    assert.equal(first['x-amz-content-sha256'], sha256(body));
    assert.equal(first['x-amz-checksum-sha256'], Buffer.from(sha256(body), 'hex').toString('base64'));
    assert.equal(first['content-length'], '3000000');
    assert.equal(first['if-none-match'], '*');
    for (const name of ['x-amz-checksum-crc32', 'x-amz-sdk-checksum-algorithm', 'expect', 'transfer-encoding']) {
      assert.equal(first[name], undefined, name);
    }
    await store.put('a', X, { condition: { etag } });
    assert.equal(server.requests.at(-1)?.headers['if-match'], etag);
    assert.ok(server.objects.has('sent/a'));
  });

  it('is checked by the server although the caller has hashed it', async () => {
    const store = adapter();
    const wrong = { ...ABSENT, sha256: sha256(Buffer.from('y')), isHashed: true };
    await rejects(store.put('a', X, wrong), 'store-transient');
    await store.put('a', X, { ...wrong, sha256: sha256(X) });
  });

  it('goes through connections that are kept, one for each call under way at once', async () => {
    const store = adapter();
    const sent = server.requests.length;
    for (let i = 0; i < 5; i++) await store.put(`one/${i}`, Buffer.alloc(1_000_000), ABSENT);
    for (let i = 0; i < 5; i++) await store.get(`one/${i}`);
    const ports = () => new Set(server.requests.slice(sent).map(({ port }) => port)).size;
    assert.equal(ports(), 1);
    for (const round of [0, 1, 2])
      await Promise.all([0, 1, 2, 3].map((i) => store.put(`four/${round}${i}`, Buffer.alloc(1_000_000), ABSENT)));
    assert.ok(ports() <= 4, `${ports()} connections`);
  });

  it('is one request for each try', async () => {
    const store = adapter();
    fault({ status: 500, code: 'InternalError' });
    const sent = server.requests.length;
    await rejects(store.put('a', X, ABSENT), 'store-transient');
    assert.equal(server.requests.length, sent + 1);
  });

  it('goes to the endpoint that the environment names, too', async () => {
    process.env.AWS_ENDPOINT_URL_S3 = server.endpoint;
    try {
      await adapter('s3://test-bucket/by-environment').put('a', X, ABSENT);
    } finally {
      delete process.env.AWS_ENDPOINT_URL_S3;
    }
    assert.ok(server.objects.has('by-environment/a'));
  });
});

describe('what the S3 store makes of answers', () => {
  const answers: [number, string, ErrorCode][] = [
    [409, 'ConditionalRequestConflict', 'store-transient'],
    [503, 'SlowDown', 'store-throttled'],
    [503, 'ServiceUnavailable', 'store-throttled'],
    [429, 'TooManyRequests', 'store-throttled'],
    [400, 'RequestTimeout', 'store-transient'],
    [500, 'InternalError', 'store-transient'],
    [502, 'BadGateway', 'store-transient'],
    [403, 'AccessDenied', 'store-denied'],
    [403, 'RequestTimeTooSkewed', 'store-transient'],
    [400, 'InvalidRequest', 'store-denied'],
    [501, 'NotImplemented', 'store-denied'],
    [404, 'NoSuchBucket', 'store-absent'],
    [301, 'PermanentRedirect', 'store-url'],
    [507, 'XMinioStorageFull', 'store-full'],
  ];
  for (const [status, code, meaning] of answers) {
    it(`${status} ${code} is ${meaning}`, async () => {
      const store = adapter();
      fault({ status, code });
      const error = await rejects(store.put('a', X, ABSENT), meaning);
      assert.ok(error.message.includes(code), error.message);
      fault({ status, code });
      await rejects(keysOf(store, ''), meaning);
      await rejects(store.get('a'), 'store-absent');
    });
  }

  it('names the region of the bucket where it is another', async () => {
    fault({ status: 301, code: 'PermanentRedirect' });
    const error = await rejects(adapter().put('a', X, ABSENT), 'store-url');
    assert.match(error.hint, /region=eu-north-1/);
  });

  it('tells a bucket that is not there', async () => {
    const other = server.url().replace('test-bucket', 'no-bucket');
    const error = await rejects(adapter(other).put('a', X, { condition: { etag: '"x"' } }), 'store-absent');
    assert.match(error.hint, /bucket/);
  });

  it('a lost connection is transient, whether the put was done or not', async () => {
    const store = adapter();
    fault('reset-before');
    await rejects(store.put('a', X, ABSENT), 'store-transient');
    await store.put('a', X, ABSENT);
    fault('reset-after');
    await rejects(store.put('b', X, ABSENT), 'store-transient');
    assert.equal(String((await store.get('b')).body), 'x');
    await rejects(store.put('b', X, ABSENT), 'store-exists');
  });

  it('an answer that breaks off is transient', async () => {
    const store = adapter();
    await store.put('a', Buffer.alloc(5_000_000), ABSENT);
    fault('reset-midway', { method: 'GET' });
    await rejects(store.get('a'), 'store-transient');
    assert.equal((await store.get('a')).body.length, 5_000_000);
  });

  it('a server that cannot be reached is transient', async () => {
    const nobody = 's3://test-bucket?endpoint=http%3A%2F%2F127.0.0.1%3A9';
    await rejects(adapter(nobody).head('a'), 'store-transient');
  });

  it('a plain mistake is a bug', () => {
    assert.equal(s3Error(new TypeError('x is not a function'), 'a').code, 'internal');
    assert.equal(s3Error(Object.assign(new Error('reset'), { code: 'ECONNRESET' }), 'a').code, 'store-transient');
  });

  it('is tried again by the opened store until it is done', async () => {
    const waits: number[] = [];
    const clock = { now: () => new Date(), sleep: async (wait: number) => void waits.push(wait) };
    const url = server.url('again');
    const store = await openStore(url, { clock });
    fault({ status: 503, code: 'SlowDown' }, { times: 2 });
    fault({ status: 409, code: 'ConditionalRequestConflict' });
    fault('reset-before');
    await store.put('a', Buffer.alloc(1_000_000), ABSENT);
    assert.equal(waits.length, 4);
    server.pageSize = 2;
    for (const key of ['b', 'c', 'd', 'e']) await store.put(key, X, ABSENT);
    fault({ status: 500, code: 'InternalError' }, { times: 2 });
    assert.deepEqual(await keysOf(store, ''), ['a', 'b', 'c', 'd', 'e']);
  });
});

describe('what the S3 store reads', () => {
  it('has the checksum of whole objects only', async () => {
    const store = adapter(server.url('sums'));
    await store.put('a', X, ABSENT);
    assert.equal((await store.head('a')).sha256, sha256(X));
    const object = server.objects.get('sums/a');
    assert.ok(object);
    object.checksumType = 'COMPOSITE';
    assert.equal((await store.head('a')).sha256, null);
    object.checksumType = 'FULL_OBJECT';
    object.sha256 = null;
    assert.equal((await store.head('a')).sha256, null);
  });

  it('may be cold', async () => {
    const store = adapter(server.url('cold'));
    await store.put('a', X, ABSENT);
    const object = server.objects.get('cold/a');
    assert.ok(object);
    for (const storageClass of ['GLACIER', 'DEEP_ARCHIVE']) {
      object.storageClass = storageClass;
      delete object.restore;
      assert.equal((await store.head('a')).cold, true);
      await rejects(store.get('a'), 'store-cold');
      object.restore = 'ongoing-request="true"';
      assert.equal((await store.head('a')).cold, true);
      await rejects(store.get('a'), 'store-cold');
      object.restore = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"';
      assert.equal((await store.head('a')).cold, false);
      assert.equal(String((await store.get('a')).body), 'x');
    }
    object.storageClass = 'GLACIER_IR';
    delete object.restore;
    assert.equal((await store.head('a')).cold, false);
  });

  it('leaves out what somebody else put under names that are no keys', async () => {
    const store = adapter(server.url('foreign'));
    await store.put('a/b', X, ABSENT);
    const object = server.objects.get('foreign/a/b');
    assert.ok(object);
    for (const key of ['', 'a/', 'a//c', 'a/../d', 'a/\u0001', '/x', '../y']) {
      server.objects.set(`foreign/${key}`, object);
    }
    assert.deepEqual(await keysOf(store, ''), ['a/b']);
    assert.deepEqual(await collect(store.listFolders('')), ['a/']);
  });

  it('comes in many pages', async () => {
    const store = adapter();
    const keys = Array.from({ length: 25 }, (_, n) => `k/${String(n).padStart(2, '0')}/x`);
    await Promise.all(keys.map((key) => store.put(key, X, ABSENT)));
    server.pageSize = 4;
    assert.deepEqual(await keysOf(store, 'k/'), keys);
    assert.deepEqual(await keysOf(store, 'k/', 'k/09/x'), keys.slice(10));
    assert.deepEqual(
      await collect(store.listFolders('k/')),
      keys.map((key) => key.slice(0, -1)),
    );
  });
});

describe('credentials of the S3 store', () => {
  it('are read anew when the store says that they are too old', async () => {
    await writeCredentials('AKIDOLD');
    const store = retried(adapter(), { clock: { now: () => new Date(), sleep: async () => {} } });
    await store.put('a', X, ABSENT);
    try {
      for (const [id, use] of [
        ['AKIDNEW', () => store.put('b', X, ABSENT)],
        ['AKIDNEWER', () => store.head('b')],
      ] as const) {
        server.acceptedKeyId = id;
        await writeCredentials(id);
        await use();
      }
    } finally {
      server.acceptedKeyId = null;
    }
  });

  it('are read anew every five minutes, and renewed before they expire', async () => {
    let now = Date.parse('2026-01-01T00:00:00Z');
    let loads = 0;
    let expiration: Date | undefined;
    const load = async () => {
      loads++;
      return { accessKeyId: `A${loads}`, secretAccessKey: 's', ...(expiration ? { expiration } : {}) };
    };
    const credentials = new FreshCredentials(load, { now: () => new Date(now), sleep: async () => {} });
    assert.equal((await credentials.provide()).accessKeyId, 'A1');
    now += 4 * 60_000;
    assert.equal((await credentials.provide()).accessKeyId, 'A1');
    now += 60_000;
    expiration = new Date(now + 7 * 60_000);
    assert.equal((await credentials.provide()).accessKeyId, 'A2');
    now += 2 * 60_000;
    assert.equal((await credentials.provide()).accessKeyId, 'A3');
  });

  it('go on being used while they cannot be read', async () => {
    let now = 0;
    let broken = false;
    const load = async () => {
      if (broken) throw new Error('half written');
      return { accessKeyId: 'A', secretAccessKey: 's' };
    };
    const credentials = new FreshCredentials(load, { now: () => new Date(now), sleep: async () => {} });
    await credentials.provide();
    broken = true;
    now += 10 * 60_000;
    assert.equal((await credentials.provide()).accessKeyId, 'A');
    await assert.rejects(new FreshCredentials(load).provide(), /half written/);
  });

  it('are tried again when others came meanwhile, and denied when not', async () => {
    const credentials = new FreshCredentials();
    const store = adapter(undefined, credentials);
    await store.put('a', X, ABSENT);
    fault({ status: 403, code: 'InvalidAccessKeyId' });
    await rejects(store.put('b', X, ABSENT), 'store-denied');
    await writeCredentials('AKIDOTHER');
    fault({ status: 403, code: 'InvalidAccessKeyId' });
    await rejects(store.put('b', X, ABSENT), 'store-transient');
    await store.put('b', X, ABSENT);
  });

  it('that are nowhere are a denial with a hint', async () => {
    await rm(credentialsFile);
    try {
      const error = await rejects(adapter().put('a', X, ABSENT), 'store-denied');
      assert.match(error.hint, /credentials/);
    } finally {
      await writeCredentials('AKIDFIRST');
    }
  });
});
