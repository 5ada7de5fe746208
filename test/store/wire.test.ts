import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { OffsiteError } from '../../contract/errors.ts';
import { parseStoreUrl } from '../../store/url.ts';
import { openStore } from '../../store/wire.ts';
import { conforms, rejects } from './conformance.ts';

const base = await mkdtemp(join(tmpdir(), 'offsite-wire-'));
after(() => rm(base, { recursive: true, force: true }));
let count = 0;

conforms('opened directory store', async () => {
  const url = pathToFileURL(join(base, `a store ${count++}`)).href;
  return { store: await openStore(url, { create: true, patience: 0 }), url };
});

describe('openStore', () => {
  it('passes its options on', async () => {
    const url = pathToFileURL(join(base, 'put-only')).href;
    const store = await openStore(url, { create: true, putOnly: ['data/h/'] });
    assert.equal(store.url, url);
    await store.put('data/h/a', Buffer.from('x'), { condition: 'absent' });
    await rejects(store.get('data/h/a'), 'store-denied');
    assert.equal(String((await (await openStore(url)).get('data/h/a')).body), 'x');
  });

  it('makes no directory unless it is told to', async () => {
    await rejects(openStore(pathToFileURL(join(base, 'missing')).href), 'store-absent');
  });

  it('loads the SDK for buckets only', async () => {
    const script = `
      import { registerHooks } from 'node:module';
      let loaded = 0;
      registerHooks({
        load: (url, context, next) => {
          if (url.includes('@aws-sdk')) loaded++;
          return next(url, context);
        },
      });
      const { openStore } = await import('./store/wire.ts');
      await openStore(${JSON.stringify(pathToFileURL(base).href)});
      const forDirectory = loaded;
      await openStore('s3://bucket-name');
      process.stdout.write(JSON.stringify([forDirectory, loaded > 0]));`;
    const cwd = new URL('../..', import.meta.url);
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { cwd });
    assert.deepEqual(JSON.parse(stdout), [0, true]);
  });
});

describe('store URLs', () => {
  it('name directories', () => {
    assert.deepEqual(parseStoreUrl('file:///srv/backups/'), {
      kind: 'directory',
      url: 'file:///srv/backups',
      folder: '/srv/backups',
    });
    const spaced = parseStoreUrl('file:///srv/my%20backups');
    assert.ok(spaced.kind === 'directory' && spaced.folder === '/srv/my backups');
  });

  it('name buckets', () => {
    assert.deepEqual(parseStoreUrl('s3://my-backups'), {
      kind: 's3',
      url: 's3://my-backups',
      bucket: 'my-backups',
      prefix: '',
    });
    const full = parseStoreUrl('s3://my-backups/a/b/?region=eu-central-1&endpoint=http%3A%2F%2F127.0.0.1%3A9000');
    assert.ok(full.kind === 's3');
    assert.deepEqual([full.bucket, full.prefix, full.region], ['my-backups', 'a/b/', 'eu-central-1']);
    assert.equal(full.endpoint, 'http://127.0.0.1:9000');
    const plain = parseStoreUrl('s3://my-backups?endpoint=https://s3.example.org');
    assert.ok(plain.kind === 's3' && plain.endpoint === 'https://s3.example.org');
  });

  for (const url of [
    '',
    'backups',
    '/srv/backups',
    'file:srv',
    'file://srv/backups',
    'file:///',
    'file:///a%2Fb',
    'file:///a?x=1',
    'file:///a#x',
    's3:bucket',
    's3://',
    's3://Bucket',
    's3://b',
    's3://bucket:80',
    's3://bucket-name/a//b',
    's3://bucket-name/a/%2e%2e/%ff',
    's3://bucket-name#x',
    's3://bucket-name?colour=red',
    's3://bucket-name?region=a&region=b',
    's3://bucket-name?region=EU WEST',
    's3://bucket-name?endpoint=ftp://x',
    's3://bucket-name?endpoint=http://x?y',
    'http://bucket-name',
    'sftp://host/dir',
  ]) {
    it(`refuse ${JSON.stringify(url)}`, async () => {
      await rejects(openStore(url), 'store-url');
    });
  }

  it('are never repeated where they hold a password', () => {
    for (const url of [
      's3://key:secret@bucket-name',
      's3://bucket-name?endpoint=https://u:secret@host',
      's3://bucket-name?endpoint=https%3A%2F%2Fu%3Asecret%40host',
      'sftp://u:secret@host/dir',
    ]) {
      assert.throws(
        () => parseStoreUrl(url),
        (error) => error instanceof OffsiteError && error.code === 'store-url' && !error.message.includes('secret'),
      );
    }
  });

  it('help who writes a path', () => {
    assert.throws(() => parseStoreUrl('/srv/backups'), /write file:\/\/\/srv\/backups/);
  });
});
