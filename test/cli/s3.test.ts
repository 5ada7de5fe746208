/** From init to restore through a server that speaks S3, which now and then is out of order or swallows its answer. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { ended, Home, offsite, oneDocument } from '../helpers/offsite.ts';
import { BUCKET, startS3Server } from '../helpers/s3-server.ts';

const home = new Home();
const server = await startS3Server();
after(async () => {
  await server.close();
  home[Symbol.dispose]();
});

const env = {
  AWS_ACCESS_KEY_ID: 'AKIATEST',
  AWS_SECRET_ACCESS_KEY: 'not-a-secret',
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: home.path('none'),
  AWS_SHARED_CREDENTIALS_FILE: home.path('none'),
};
const store = `s3://${BUCKET}/backups?endpoint=${encodeURIComponent(server.endpoint)}&region=eu-central-1`;
const operator = ['--store', store, '--key', home.privateKey];
const source = home.path('source');

test('init, trust, backup, verify and restore, while the server fails and loses replies', async () => {
  ended(await home.makeKeys(), 0);
  home.write('source/hello', 'hello\n');
  home.write('source/deep/number', '42\n');
  const host = ['--host', 'carcosa', '--state', home.path('state'), '--path', source];
  const config = ['--config', home.path('config.yml')];
  server.faults.push({ method: 'PUT', key: /hosts\//, does: { status: 503, code: 'SlowDown' } });
  const init = ended(
    await offsite(['init', '--store', store, '--recipient', home.publicKey, ...host, ...config], { env }),
    0,
  );
  assert.match(init.out, /^carcosa [0-9A-F]{40}\n$/);
  const prefix = [...server.objects.keys()][0]?.split('/')[2] ?? '';
  // The put is done and its answer lost: the next try finds what it wrote itself.
  server.faults.push({ method: 'PUT', key: /trust\.json/, does: 'reset-after' });
  const trust = ended(await offsite(['trust', 'carcosa', '--yes', '--json', ...operator], { env }), 0);
  assert.equal(oneDocument(trust).serial, 1);

  server.faults.push(
    { method: 'PUT', key: /data\//, does: { status: 503, code: 'ServiceUnavailable' } },
    { method: 'PUT', key: /meta\//, does: 'reset-after', times: 2 },
    { method: 'PUT', key: /manifest\.json/, does: 'reset-after' },
  );
  const full = ended(await offsite(['backup', '--json', ...config], { env }), 0);
  const [first] = oneDocument<{ runs: { run: string; outcome: string; sequence: number }[] }>(full).runs;
  assert.deepEqual([first?.outcome, first?.sequence], ['complete', 1]);
  assert.equal(server.faults.length, 0, 'every fault was met');

  home.write('source/new', 'new\n');
  server.faults.push({ method: 'PUT', key: /started\.json/, does: 'reset-after' });
  const quiet = ended(await offsite(['backup', '--quiet', ...config], { env }), 0);
  assert.deepEqual([quiet.out, quiet.err], ['', '']);

  server.faults.push(
    { method: 'GET', key: /manifest\.json/, does: { status: 500, code: 'InternalError' } },
    { method: 'GET', key: /data\//, does: 'reset-midway' },
    { method: 'GET', key: /index-/, does: 'reset-before' },
  );
  const to = home.path('restored');
  const restored = ended(await offsite(['restore', 'latest', '--to', to, ...operator], { env }), 0);
  assert.match(restored.err, /trying again in/);
  assert.equal(server.faults.length, 0, 'every fault was met');
  for (const [name, content] of [
    ['hello', 'hello\n'],
    ['deep/number', '42\n'],
    ['new', 'new\n'],
  ]) {
    assert.equal(readFileSync(`${to}${source}/${name}`, 'utf8'), content);
  }
  server.pageSize = 3;
  ended(await offsite(['verify', '--all', '--read-data', '--quiet', ...operator], { env }), 0);
  assert.ok(prefix !== '');
});

test('a limit for uploads is that of the command line, else that of the config', async () => {
  home.write('source/limited', randomBytes(60_000));
  const config = home.path('config.yml');
  const seconds = async (more: string[], text = '') => {
    const file = home.write('limited.yml', readFileSync(config, 'utf8') + text);
    const began = performance.now();
    ended(await offsite(['backup', 'full', '--config', file, ...more], { env }), 0);
    return (performance.now() - began) / 1000;
  };
  // Sixty thousand bytes, of which a quarter of a second's may go at once: no machine is so fast that it takes less.
  assert.ok((await seconds(['--limit-upload', '32KB'])) > 1.5);
  assert.ok((await seconds([], 'limitUpload: 32KB\n')) > 1.5);
  // With the config's it would take longer than any command here is let run.
  home.write('source/limited', randomBytes(1_200_000));
  await seconds(['--limit-upload', '0'], 'limitUpload: 16KB\n');
  for (const wrong of ['15KB', '-1', 'much', '2MB/s']) {
    const said = ended(await offsite(['backup', '--limit-upload', wrong, '--config', config], { env }), 2);
    assert.match(said.err, /at least 16KB/);
  }
});

test('credentials that end in the middle of an upload are read anew, and the run goes on', async () => {
  const file = (id: string) =>
    home.write('credentials', `[default]\naws_access_key_id = ${id}\naws_secret_access_key = s-${id}\n`);
  const { AWS_ACCESS_KEY_ID: _id, AWS_SECRET_ACCESS_KEY: _secret, ...others } = env;
  const from = { ...others, AWS_SHARED_CREDENTIALS_FILE: file('AKIAFIRST') };
  home.write('source/limited', randomBytes(1_300_000));
  const sent = server.requests.length;
  const now = () => server.requests.slice(sent).filter(({ method }) => method === 'PUT');
  const words = ['backup', 'full', '--limit-upload', '400KB', '--config', home.path('config.yml')];
  const running = offsite(words, { env: from });
  let isOver = false;
  const finished = running.finally(() => {
    isOver = true;
  });
  try {
    // A part is on its way for seconds; meanwhile the host gets other credentials, and the old ones end.
    while (!isOver && !now().some(({ key }) => key.startsWith('backups/data/')))
      await new Promise((go) => setTimeout(go, 10));
    file('AKIASECOND');
    server.acceptedKeyId = 'AKIASECOND';
    ended(await finished, 0);
  } finally {
    server.acceptedKeyId = null;
  }
  const ids = now().map(({ headers }) => /Credential=([^/]+)/.exec(headers.authorization ?? '')?.[1]);
  assert.deepEqual([ids[0], ids.at(-1)], ['AKIAFIRST', 'AKIASECOND']);
  const part = now().filter(({ key }) => key.startsWith('backups/data/'));
  assert.equal(part.length, 2, 'what was under way is sent again');
  assert.equal(part[0]?.key, part[1]?.key);
});

test('nothing but creation is asked for by a backup, and every put brings its digest', () => {
  const puts = server.requests.filter(({ method, key }) => method === 'PUT' && !key.includes('config/'));
  assert.ok(puts.length > 8);
  for (const { headers, key } of puts) {
    assert.equal(headers['if-none-match'], '*', key);
    assert.match(String(headers['x-amz-checksum-sha256']), /^[\w+/]{43}=$/);
  }
  const cas = server.requests.filter(({ method, key }) => method === 'PUT' && key.includes('config/'));
  assert.ok(cas.every(({ headers }) => headers['if-none-match'] === '*' || headers['if-match'] !== undefined));
  // The one POST is the question who the caller is, which goes to the bucket's own endpoint where that is given.
  for (const { method, key } of server.requests) assert.ok(['PUT', 'GET', 'HEAD'].includes(method) || key === '', key);
});

test('no such bucket: exit 1 and one document', async () => {
  const place = (bucket: string, endpoint: string) =>
    `s3://${bucket}?endpoint=${encodeURIComponent(endpoint)}&region=eu-central-1`;
  const runs = (url: string) => ['runs', '--json', '--store', url, '--operator', home.publicKey];
  const none = await offsite(runs(place('no-such-bucket', server.endpoint)), { env });
  ended(none, 1);
  assert.match(oneDocument<{ error: { code: string } }>(none).error.code, /^store-/);
  assert.doesNotMatch(none.out + none.err, /not-a-secret/);
});
