/** The operator's commands as somebody types them, in processes of their own, against the deployed stack. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { stringify } from 'yaml';
import { wholeEnvironment } from '../../../system/environment.ts';
import type { Finished } from '../harness/children.ts';
import { runToEnd } from '../harness/children.ts';
import { dailyAt, enrol, knownToSsm, minuteOf, writeScript } from '../harness/fleet.ts';
import { ROOT } from '../harness/python.ts';
import type { DeployedStack } from '../harness/stack.ts';
import { stepsOf } from '../harness/story.ts';
import { waitFor } from '../harness/wait.ts';
import type { SimulatedHost } from '../ssm/host.ts';

const NODES = { delta: 'mi-0a0a0a0a0a0a0a0a1', idle: 'mi-0a0a0a0a0a0a0a0a2' };
const UNKNOWN = 'mi-0a0a0a0a0a0a0a0a3';

interface Failed {
  error: { code: string };
}
interface Status {
  sets: { newestGood: { run: string } | null; problems: string[] }[];
}
interface Ran {
  online: boolean | null;
  waited: string | null;
  runs: { set: string; run: string; state: string; objects: number; reasons: { text: string }[] }[];
}

export function operator(deployed: () => Promise<DeployedStack>): void {
  test('operator', { timeout: 240_000 }, async (t) => {
    const stack = await deployed();
    const step = stepsOf(t);
    const fleet = (...words: string[]): Promise<Finished> =>
      runToEnd(
        `${ROOT}/bin/offsite`,
        ['fleet', ...words, ...(words[0] === 'apply' ? [] : ['--store', stack.outputs.Store ?? ''])],
        {
          cwd: ROOT,
          env: wholeEnvironment(),
          limit: 90_000,
          mustSucceed: false,
        },
      );
    let delta: SimulatedHost;
    let good = '';

    const rule = `${stack.name}-s-by-hand-full`;
    const host = (node: string) => ({ node, sets: ['data'] });
    const write = (hosts: Record<string, object>): string => {
      const file = join(stack.world.folder, 'fleet.yml');
      const schedule = dailyAt(minuteOf(Date.now() - 3_600_000));
      const policies = { 'by-hand': { hosts: Object.keys(hosts), full: schedule, deadline: '1h' } };
      const { fingerprint } = stack.world.operator;
      const store = stack.outputs.Store ?? '';
      writeFileSync(file, stringify({ store, stack: stack.name, recipients: [fingerprint], hosts, policies }));
      return file;
    };

    await step('discover: nodes that SSM knows and no fleet file has', async () => {
      delta = await enrol(stack, { name: 'delta', node: NODES.delta, script: 'echo dump > dump' });
      knownToSsm(stack, NODES.idle).online = false;
      const { fresh } = documentOf<{ fresh: { node: string }[] }>(
        await fleet('discover', '--stack', stack.name, '--json'),
        0,
      );
      const found = fresh.map(({ node }) => node);
      for (const node of Object.values(NODES)) assert.ok(found.includes(node), node);
    });

    await step('apply: refused for a node that nobody knows, or that has no tag, before anything changes', async () => {
      const before = await stack.keys('config/');
      const key = ['--key', stack.world.operator.privateKey, '--yes', '--json'];
      const unknown = await fleet('apply', write({ delta: host(NODES.delta), nobody: host(UNKNOWN) }), '--tag', ...key);
      assert.equal(documentOf<Failed>(unknown, 1).error.code, 'node-unknown');
      const untagged = await fleet('apply', write({ delta: host(NODES.delta) }), ...key);
      assert.equal(documentOf<Failed>(untagged, 1).error.code, 'node-untagged');
      assert.deepEqual(await stack.keys('config/'), before);
    });

    await step(
      'apply --tag: tags, certifies, puts the file into force; its rule is made, and again changes nothing',
      async () => {
        const file = write({ delta: host(NODES.delta), idle: host(NODES.idle) });
        const words = ['apply', file, '--tag', '--yes', '--key', stack.world.operator.privateKey];
        const { code, out, err } = await fleet(...words);
        assert.equal(code, 0, `${out}\n${err}`);
        assert.match(out, /Tagged: .*\n.*Certified the keys of delta/);
        assert.deepEqual(delta.tags, { offsite: stack.name });
        await waitFor('its rule', async () => (await ruleNames(stack)).includes(rule) || null);
        assert.match((await fleet(...words)).out, /Nothing to change/);
      },
    );

    await step('run --wait: the stack asks, the host backs up, the verdict is complete', async () => {
      const ran = documentOf<Ran>(await fleet('run', 'delta', 'full', '--wait', '--json'), 0);
      const [only] = ran.runs;
      good = only?.run ?? '';
      assert.deepEqual([ran.online, ran.waited, only?.set, only?.state], [true, 'ended', 'data', 'complete']);
      assert.ok((only?.objects ?? 0) > 0, 'its objects were counted in the bucket');
    });

    await step('run --wait: a failing script is a failed verdict with its words, and exit 1', async () => {
      writeScript(delta, 'echo "pg_dump: no such database" >&2\nexit 3');
      const { code, out } = await fleet('run', 'delta', '--wait');
      assert.equal(code, 1, out);
      assert.match(out, /^data: run \S+ failed/m);
      assert.match(out, /pg_dump: no such database/);
      writeScript(delta, 'echo dump > dump');
    });

    await step('status: what is newest and good, what is wrong, exit 1; and good again after another run', async () => {
      const bad = documentOf<Status>(await fleet('status', 'delta', '--json'), 1).sets;
      assert.deepEqual([bad[0]?.newestGood?.run, bad[0]?.problems], [good, ['failed']]);
      assert.equal((await fleet('run', 'delta', '--wait')).code, 0);
      const { out } = await fleet('status', 'delta', '--json');
      const [now] = (JSON.parse(out) as Status).sets;
      assert.deepEqual(now?.problems, []);
      assert.notEqual(now?.newestGood?.run, good);
    });

    await step('run: a host asleep is named at once, one that SSM does not know is refused', async () => {
      const asleep = await fleet('run', 'idle');
      assert.equal(asleep.code, 0, asleep.err);
      assert.match(asleep.err, /idle is not online/);
      const file = write({ delta: host(NODES.delta), idle: host(NODES.idle), nobody: host(UNKNOWN) });
      assert.equal((await fleet('apply', file, '--no-nodes', '--yes')).code, 0);
      const before = (await stack.mails()).length;
      const unknown = documentOf<Failed>(await fleet('run', 'nobody', '--json'), 1);
      assert.equal(unknown.error.code, 'node-unknown');
      assert.equal((await stack.mails()).length, before, 'nobody is alerted of a slip of the pen');
      assert.equal((await fleet('run', 'dleta')).code, 2);
    });

    await step('subscribe: to both topics, and listed', async () => {
      const { code, out, err } = await fleet(
        'subscribe',
        '--email',
        'max@example.org',
        '--sms',
        '+491701234567',
        '--list',
      );
      assert.equal(code, 0, err);
      for (const line of [/^alerts +email +max@/m, /^alarms +email +max@/m, /^alerts +sms +\+491701234567/m])
        assert.match(out, line);
    });

    await step('test-alert: published by the function itself, and read by whoever listens', async () => {
      const { code, out, err } = await fleet('test-alert');
      assert.equal(code, 0, err);
      assert.match(out, /email +jo@example\.org +alerts/);
      const mail = await stack.mail('the test', ({ subject }) => subject.startsWith('Offsite: TEST'));
      assert.ok(mail.critical && mail.email.startsWith('TEST: nothing is wrong.'));
    });

    await step(
      'teardown: the rules go, the store stays; the stack makes them anew as long as it is there',
      async () => {
        const before = await stack.keys('');
        assert.equal((await fleet('teardown')).code, 2, 'not without --yes');
        assert.equal((await fleet('teardown', '--yes', '--stack', 'other')).code, 2);
        assert.ok((await ruleNames(stack)).length > 0);
        const { code, err } = await fleet('teardown', '--yes', '--stack', stack.name);
        assert.equal(code, 0, err);
        assert.deepEqual(await ruleNames(stack), []);
        assert.match(err, /osls remove --param=stack=offsite/);
        assert.equal((await fleet('teardown')).code, 0, 'twice is no error');
        const after = await stack.keys('');
        assert.deepEqual(
          before.filter((key) => !after.includes(key)),
          [],
          'nothing is taken from the store',
        );
        await stack.invoke('reconcile');
        assert.ok((await ruleNames(stack)).length > 0);
      },
    );

    await step('nothing of it ended in the dead-letter queue', async () => {
      await stack.world.ssm.idle();
      assert.deepEqual(await stack.deadLetters(), []);
    });
  });
}

async function ruleNames(stack: DeployedStack): Promise<string[]> {
  return (await stack.rules(`${stack.name}-s-`)).map(({ Name }) => Name);
}

function documentOf<T>({ code, out, err }: Finished, expected: number): T {
  assert.equal(code, expected, `${out}\n${err}`);
  return JSON.parse(out) as T;
}
