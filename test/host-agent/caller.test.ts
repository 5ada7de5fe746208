import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { isOffsiteError } from '../../contract/errors.ts';
import { type CallerOptions, callerFrom, callerOf } from '../../host-agent/caller.ts';

const NODE = 'mi-0123456789abcdef0';
const role = (session: string, userId = `AROAEXAMPLEID:${session}`) => ({
  userId,
  arn: `arn:aws:sts::123456789012:assumed-role/offsite-host/${session}`,
});
const USER = { userId: 'AIDAEXAMPLE', arn: 'arn:aws:iam::123456789012:user/jo' };
const ROOT = { userId: '123456789012', arn: 'arn:aws:iam::123456789012:root' };

const refusal = (identity: Parameters<typeof callerFrom>[0], options: CallerOptions): string => {
  try {
    return `accepted as ${callerFrom(identity, 'carcosa', options).prefix}`;
  } catch (error) {
    assert.ok(isOffsiteError(error, 'caller-unfit'));
    return error.message.replace('This machine is no host of the stack: ', '');
  }
};

describe('a caller', () => {
  test('whose session is a node writes under its userid, with a job and without', () => {
    for (const node of [NODE, 'i-0123456789abcdef0', 'i-01234567']) {
      const prefix = `AROAEXAMPLEID:${node}`;
      assert.deepEqual(callerFrom(role(node), 'carcosa', { node, aws: true }), { prefix });
      assert.deepEqual(callerFrom(role(node), 'carcosa', {}), { prefix });
    }
  });

  test('that is somebody else writes under the host name, where no stack is asked for', () => {
    for (const identity of [USER, ROOT, role('jo'), null]) {
      assert.deepEqual(callerFrom(identity, 'carcosa', {}), { prefix: 'carcosa' });
    }
    assert.deepEqual(callerFrom(null, 'carcosa', { node: 'carcosa' }), { prefix: 'carcosa' });
  });

  test('that is no host is told what it is', () => {
    assert.equal(refusal(USER, { aws: true }), 'the credentials here are of the user jo, not of a role.');
    assert.equal(refusal(ROOT, { aws: true }), `the credentials here are of ${ROOT.arn}, not of a role.`);
    assert.equal(
      refusal(role('jo'), { aws: true }),
      'the role offsite-host is used here under the session name jo, which is no node id.',
    );
    assert.equal(
      refusal(role(NODE, 'AROAEXAMPLEID:other'), { aws: true }),
      `the user id AROAEXAMPLEID:other does not end in the session name ${NODE}.`,
    );
    assert.equal(refusal(null, { aws: true }), 'the store has no AWS identities.');
  });

  test('that is not the job’s node is told so before anything is written', () => {
    const node = 'mi-fffffffffffffffff';
    assert.equal(
      refusal(role(NODE), { node }),
      `the job is for node ${node}, but the credentials here are of node ${NODE}.`,
    );
    assert.equal(
      refusal(USER, { node }),
      `the job is for node ${node}, but the credentials here are of the user jo, not of a role.`,
    );
  });

  test('of a directory is the host name; a bucket is needed with --aws', async () => {
    assert.deepEqual(await callerOf('file:///backups', 'carcosa'), { prefix: 'carcosa' });
    await assert.rejects(callerOf('file:///backups', 'carcosa', { aws: true }), /is no bucket/);
  });
});

describe('STS', () => {
  let answer = { status: 200, body: '' };
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    asked.push(Buffer.concat(await request.toArray()).toString());
    response.writeHead(answer.status, { 'content-type': 'text/xml' }).end(answer.body);
  });
  let url = '';
  const saved = { ...process.env };

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `s3://backups?region=eu-central-1&endpoint=http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret' });
    delete process.env.AWS_ENDPOINT_URL;
    delete process.env.AWS_ENDPOINT_URL_STS;
  });
  after(() => {
    process.env = saved;
    server.close();
  });

  const xml = ({ userId, arn }: { userId: string; arn: string }) =>
    `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${arn}</Arn><UserId>${userId}</UserId><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;

  test('is asked at the endpoint of an emulator', async () => {
    answer = { status: 200, body: xml(role(NODE)) };
    assert.deepEqual(await callerOf(url, 'carcosa', { node: NODE }), { prefix: `AROAEXAMPLEID:${NODE}` });
    assert.match(asked.at(-1) ?? '', /Action=GetCallerIdentity/);
  });

  test('is missing where a server speaks S3 alone: then the prefix is the host name', async () => {
    for (const [status, body] of [
      [405, '<Error><Code>MethodNotAllowed</Code></Error>'],
      [400, 'no XML'],
    ] as const) {
      answer = { status, body };
      assert.deepEqual(await callerOf(url, 'carcosa'), { prefix: 'carcosa' });
    }
  });

  test('that was named in the environment and refuses is an error, not a host name', async () => {
    process.env.AWS_ENDPOINT_URL_STS = new URL(url).searchParams.get('endpoint') ?? '';
    answer = { status: 403, body: '<ErrorResponse><Error><Code>ExpiredToken</Code></Error></ErrorResponse>' };
    await assert.rejects(callerOf(url, 'carcosa'), /STS did not say who this machine is/);
    delete process.env.AWS_ENDPOINT_URL_STS;
  });
});
