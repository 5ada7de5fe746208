/** `offsite fleet apply`, `status` and `discover` of a stack on AWS: a bucket, and the services beside it. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { instantText } from '../../contract/ids.ts';
import { putFleet } from '../../repository/fleet.ts';
import { MemoryStore } from '../../store/memory.ts';
import { ended, Home, offsite, oneDocument, type Said } from '../helpers/offsite.ts';
import { OperatorAws, REGION } from '../helpers/operator-aws.ts';
import { BUCKET, startS3Server } from '../helpers/s3-server.ts';

const home = new Home();
const server = await startS3Server();
let aws: OperatorAws;
before(async () => {
  aws = await OperatorAws.start();
});
after(async () => {
  await server.close();
  await aws.close();
  home[Symbol.dispose]();
});

const NODE = 'mi-0123456789abcdef0';
const INSTANCE = 'i-0123456789abcdef0';
const store = `s3://${BUCKET}?endpoint=${encodeURIComponent(server.endpoint)}&region=${REGION}`;
const FILE = {
  store,
  stack: 'offsite-prod',
  recipients: ['0123456789ABCDEF0123456789ABCDEF01234567'],
  hosts: { carcosa: { node: NODE, sets: ['data'] }, purr: { node: INSTANCE, sets: ['data'] } },
  policies: { nightly: { hosts: ['carcosa', 'purr'], incremental: 'cron(0 4 * * ? *)', full: 'cron(0 4 1 * ? *)' } },
};
const OURS = 'Offsite stack offsite-prod: by fleet file x';

const run = (...words: string[]): Promise<Said> => {
  const env = {
    AWS_ACCESS_KEY_ID: 'AKIATEST',
    AWS_SECRET_ACCESS_KEY: 'not-a-secret',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: home.path('none'),
    AWS_SHARED_CREDENTIALS_FILE: home.path('none'),
    AWS_ENDPOINT_URL: aws.endpoint,
  };
  return offsite(['fleet', ...words], { env });
};
const file = () => home.write('fleet.yml', stringify(FILE));
const status = (...more: string[]) => run('status', '--store', store, ...more);
const codeOf = (said: Said) => oneDocument<{ error: { code: string } }>(said).error.code;

beforeEach(() => {
  aws.reset();
  server.objects.clear();
  aws.nodes.set(NODE, { online: true, seen: new Date(), tag: 'offsite-prod', name: 'carcosa.lan', platform: 'Debian' });
  aws.nodes.set(INSTANCE, { online: false, seen: new Date(Date.now() - 7_200_000) });
});

describe('apply', () => {
  test('refuses a node without the tag; with --tag it gets the tag, and the file is in force', async () => {
    const refused = ended(await run('apply', file(), '--yes', '--json'), 1);
    assert.equal(codeOf(refused), 'node-untagged');
    assert.match(refused.out, new RegExp(`hosts\\.purr\\.node: ${INSTANCE} lacks the tag offsite=offsite-prod`));
    assert.equal(server.objects.size, 0);
    const said = ended(await run('apply', file(), '--tag', '--yes'), 0);
    assert.match(said.out, new RegExp(`Tagged: ${INSTANCE}\nApplied: in force since`));
    assert.match(said.err, /nobody's signing key was looked at/);
    assert.equal(aws.nodes.get(INSTANCE)?.tag, 'offsite-prod');
    assert.equal(server.objects.size, 2);
    assert.equal(ended(await run('apply', file(), '--tag'), 0).out, 'Nothing to change.\n');
  });

  test('asks nobody about nodes with --no-nodes', async () => {
    aws.nodes.clear();
    ended(await run('apply', file(), '--no-nodes', '--yes'), 0);
    assert.deepEqual([aws.asked, server.objects.size], [[], 2]);
  });

  test('without the right to list nodes nothing is applied, and the call is named', async () => {
    aws.faults.set('DescribeInstanceInformation', ['AccessDeniedException']);
    const said = ended(await run('apply', file(), '--tag', '--yes', '--json'), 1);
    assert.equal(codeOf(said), 'stack-denied');
    assert.equal(server.objects.size, 0);
  });
});

describe('status', () => {
  beforeEach(async () => {
    ended(await run('apply', file(), '--tag', '--yes', '--quiet'), 0);
    for (const name of ['alerts', 'alarms']) aws.topics.add(`offsite-prod-${name}`);
    for (const type of ['full', 'incr']) aws.rules.set(`offsite-prod-s-nightly-${type}`, OURS);
  });

  test('well: rules are there, and who has not confirmed is said', async () => {
    aws.subscribers.push({
      topic: 'offsite-prod-alerts',
      protocol: 'email',
      address: 'jo@example.org',
      arn: 'PendingConfirmation',
      filter: null,
    });
    aws.subscribers.push({
      topic: 'offsite-prod-alerts',
      protocol: 'email',
      address: 'max@example.org',
      arn: 'arn:x',
      filter: null,
    });
    const said = ended(await status(), 0);
    assert.match(said.err, /jo@example\.org has not confirmed the subscription to alerts/);
    const { stack, ok } = oneDocument<{ ok: boolean; stack: { missing: string[]; confirmed: number } }>(
      ended(await status('--json'), 0),
    );
    assert.deepEqual([ok, stack.missing, stack.confirmed], [true, [], 1]);
  });

  test('a rule that is not there: said, and no problem before reconcile can have made it; long after, exit 1', async () => {
    aws.rules.delete('offsite-prod-s-nightly-full');
    assert.match(ended(await status(), 0).err, /the rule of the schedule nightly full is not there/);
    ended(await status('--store-only'), 0);
    // The file was applied a day ago, and audit has run since.
    const memory = new MemoryStore();
    await putFleet(memory, FILE, new Date(Date.now() - 86_400_000));
    const instant = instantText(new Date());
    const state = { type: 'offsite/audit-state/1', format: 1, cursor: instant, open: [], told: instant };
    await memory.put('audit/state.json', Buffer.from(JSON.stringify(state)), { condition: 'absent' });
    server.objects.clear();
    for await (const { key } of memory.list('')) {
      const { body, etag, sha256, lastModified } = await memory.get(key);
      server.objects.set(key, { body, etag: `"${etag}"`, sha256, lastModified, checksumType: 'FULL_OBJECT' });
    }
    assert.match(ended(await status(), 1).err, /the rule of the schedule nightly full is not there/);
    aws.rules.set('offsite-prod-s-nightly-full', OURS);
    ended(await status(), 0);
  });

  test('without rights at the stack: what is in the store, and what was not looked at', async () => {
    aws.faults.set('ListRules', ['AccessDeniedException']);
    const said = ended(await status(), 0);
    assert.match(said.err, /rules and subscriptions were not looked at: .*AccessDeniedException/);
    assert.match(said.out, /^carcosa +data +none yet/m);
  });
});

test('discover: before there is a fleet file by --stack, then by the one in force', async () => {
  const words = ['discover', '--store', store];
  assert.equal(codeOf(ended(await run(...words, '--json'), 1)), 'fleet-missing');
  const first = ended(await run(...words, '--stack', 'offsite-prod'), 0);
  assert.match(first.out, new RegExp(`^${NODE} +carcosa\\.lan +Debian 13 +online +this stack's$`, 'm'));
  assert.match(first.out, new RegExp(`^${INSTANCE} +2h ago +none$`, 'm'));
  assert.match(first.out, new RegExp(`^ {2}carcosa: \\{ node: ${NODE}, sets: \\[data\\] \\}$`, 'm'));
  ended(await run('apply', file(), '--tag', '--yes'), 0);
  assert.match(ended(await run(...words), 0).out, /All 2 nodes of the stack offsite-prod are in the fleet file/);
  aws.nodes.delete(NODE);
  assert.match(
    ended(await run(...words), 0).err,
    new RegExp(`carcosa: the command service does not know its node ${NODE}`),
  );
});
