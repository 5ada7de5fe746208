/** Managed nodes of SSM: all of them, whose tag they have, and tagging those of both kinds. */

import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { isOffsiteError } from '../../contract/errors.ts';
import { AwsHands } from '../../operator/aws/hands.ts';
import { OperatorAws, REGION } from '../helpers/operator-aws.ts';

const SEEN = new Date('2026-11-21T04:00:00Z');
const mi = (i: number) => `mi-${String(i).padStart(17, '0')}`;
const instance = (i: number) => `i-${String(i).padStart(17, '0')}`;

let aws: OperatorAws;
before(async () => {
  aws = await OperatorAws.start();
});
beforeEach(() => aws.reset());
after(() => aws.close());

const hands = (stack = 'offsite') => new AwsHands({ stack, region: REGION, clients: aws.clients });
const add = (node: string, tag?: string) =>
  aws.nodes.set(node, { online: true, seen: SEEN, ...(tag === undefined ? {} : { tag }) });

test('what a node is, and whose tag it has', async () => {
  aws.nodes.set(mi(1), {
    online: false,
    seen: SEEN,
    tag: 'offsite',
    name: 'carcosa.lan',
    platform: 'Debian GNU/Linux',
  });
  add(mi(2), 'offsite-test');
  add(instance(3));
  const about = { online: true, lastSeen: SEEN, name: '', platform: '', own: null };
  assert.deepEqual(await hands().nodes(), [
    { ...about, node: instance(3), tag: 'none' },
    { ...about, node: mi(1), online: false, name: 'carcosa.lan', platform: 'Debian GNU/Linux 13', tag: 'ours' },
    { ...about, node: mi(2), tag: 'other' },
  ]);
});

test('those of every page, in few requests', async () => {
  for (let i = 0; i < 130; i++) add(mi(i), i % 2 === 0 ? 'offsite' : undefined);
  const nodes = await hands().nodes();
  assert.equal(new Set(nodes.map(({ node }) => node)).size, 130);
  assert.equal(nodes.filter(({ tag }) => tag === 'ours').length, 65);
  assert.equal(aws.asked.length, 3 + 2 + 2, 'fifty a page, and no request for each node');
});

test('tags managed nodes and instances, more than one request takes', async () => {
  for (let i = 0; i < 45; i++) add(instance(i));
  for (let i = 0; i < 3; i++) add(mi(i), 'offsite');
  await hands('offsite-prod').tagNodes([...aws.nodes.keys()]);
  assert.ok([...aws.nodes.values()].every(({ tag }) => tag === 'offsite-prod'));
});

test('one that cannot be tagged is named, and keeps no other from it', async () => {
  for (let i = 0; i < 3; i++) add(instance(i));
  add(mi(1));
  aws.untaggable.add(instance(1));
  await assert.rejects(
    hands().tagNodes([...aws.nodes.keys()]),
    (error) => isOffsiteError(error, 'stack-denied') && error.message.includes(`${instance(1)}: AccessDenied`),
  );
  assert.deepEqual(
    [...aws.nodes].filter(([, { tag }]) => tag === undefined).map(([node]) => node),
    [instance(1)],
  );
});

test('without the right to list nodes: said so', async () => {
  aws.faults.set('DescribeInstanceInformation', ['AccessDeniedException']);
  await assert.rejects(hands().nodes(), (error) => isOffsiteError(error, 'stack-denied'));
});

test("the stack's time is the date of AWS's answer", async () => {
  const time = await hands().stackTime();
  assert.ok(time !== null && Math.abs(+time - Date.now()) < 60_000, String(time));
});

test("schedules are the stack's own rules", async () => {
  const ours = 'Offsite stack offsite: full of policy nightly, by fleet file x';
  aws.rules.set('offsite-s-nightly-full', ours);
  aws.rules.set('offsite-s-week-ly-incr', ours);
  aws.rules.set('offsite-s-mine-full', 'made by hand');
  assert.deepEqual([...(await hands().schedules())].sort(), ['nightly full', 'week-ly incremental']);
});
