/** Deploying again with everything changed, beside another stack, and taking it all down. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { applyFleet, dailyAt, minuteOf } from '../harness/fleet.ts';
import type { Parameters } from '../harness/osls.ts';
import { ROOT } from '../harness/python.ts';
import { DeployedStack } from '../harness/stack.ts';
import { stepsOf } from '../harness/story.ts';
import { waitFor } from '../harness/wait.ts';
import { offsite, type World } from '../harness/world.ts';
import { physicalId } from './rights.stack.ts';

/** All that the emulator cannot deploy, and nothing more. */
const REMOVED = ['BackupDocument (AWS::SSM::Document)'];

/** What backups or people hang on: replaced, they would be lost. */
const LASTING = ['Bucket', 'HostRole', 'HostPolicy', 'HostProfile', 'AlertsTopic', 'AlarmsTopic', 'DeadLetters'];
const FUNCTIONS = ['dispatch', 'complete', 'audit', 'reconcile'] as const;

export function deployments(world: () => Promise<World>, deployed: () => Promise<DeployedStack>): void {
  test('deployments', { timeout: 300_000 }, async (t) => {
    const first = await deployed();
    const { aws, gateway, operator, folder } = await world();
    const step = stepsOf(t);
    let second = first;

    await step('what the shim takes out of the template', () => {
      t.diagnostic(`taken out for the emulator: ${first.deployment.removed.join(', ')}`);
      assert.deepEqual(first.deployment.removed, REMOVED);
    });

    await step('a second stack has its own rules, and neither touches the other', async () => {
      second = await DeployedStack.deploy(await world(), { stack: 'offsite-two', operatorKey: operator.publicKey });
      // Where no case before this one gave it a fleet file.
      if ((await first.rules('offsite-s-')).length === 0) await applyTo(first, 'hourly');
      const before = await waitFor('the rules of the first stack', async () => {
        const found = await first.rules('offsite-s-');
        return found.length > 0 ? found : null;
      });
      await applyTo(second, 'nightly');
      const own = await waitFor('the rule of the second stack', async () => {
        const found = await second.rules('offsite-two-s-');
        return found.length > 0 ? found : null;
      });
      assert.deepEqual(
        own.map(({ Name }) => Name),
        ['offsite-two-s-nightly-full'],
      );
      assert.deepEqual(await first.rules('offsite-s-'), before);
      await second.invoke('reconcile');
      await first.invoke('reconcile');
      assert.deepEqual(await first.rules('offsite-s-'), before);
      assert.deepEqual(await second.rules('offsite-two-s-'), own);
      const [ours, theirs] = [first.bucket, second.bucket];
      for (const { principal, resources } of gateway.calls) {
        const isSecond = principal.startsWith('function:offsite-two-') || principal.startsWith('role:offsite-two-');
        const isFirst = !isSecond && /^(function|role):offsite-/.test(principal);
        if (isFirst) assert.ok(!resources.some((one) => one.includes(theirs)), `${principal} ${resources}`);
        if (isSecond) assert.ok(!resources.some((one) => one.includes(ours)), `${principal} ${resources}`);
      }
    });

    await step('a session of one stack is denied the other’s bucket', async () => {
      for (const role of [second.outputs.HostRoleName ?? '', await physicalId(second, 'CompleteRole')]) {
        const as = await aws.assumeRole(role, 'mi-0123456789abcdef9');
        for (const path of ['config/fleet.json', 'latest/alpha/data.json']) {
          const call = { service: 's3', method: 'GET', path: `/${first.bucket}/${path}`, as };
          assert.equal((await aws.send(call)).status, 403, role);
        }
      }
    });

    await step('deployed again with every parameter changed, nothing that lasts is replaced', async () => {
      await second.store.put('recovery/README.txt', Buffer.from('kept'), { condition: 'absent' });
      const before = await lastingOf(second);
      const key = join(folder, 'other-operator');
      await offsite(['keys', 'generate', '--name', 'Al Roe', '--email', 'al@example.org', '--out', key]);
      const changed: Parameters = {
        stack: 'offsite-two',
        operatorKey: join(key, 'public.asc'),
        operatorArn: 'arn:aws:iam::000000000000:role/operator',
        email: 'al@example.org',
        phone: '+491701234567',
        displayName: 'Backups',
        retentionDays: '30',
        retentionMode: 'COMPLIANCE',
        complianceConfirmed: 'nobody can delete these backups before their time, not even AWS',
        smsAlarm: '40',
        noncurrentDays: '500',
        logDays: '30',
      };
      const { params } = parse(readFileSync(join(ROOT, 'serverless.yml'), 'utf8'), { logLevel: 'silent' });
      assert.deepEqual(Object.keys(changed).sort(), Object.keys(params.default).sort(), 'every parameter there is');
      for (const [name, value] of Object.entries(changed)) {
        if (name !== 'stack') assert.notEqual(value, String(params.default[name]), name);
      }
      second = await DeployedStack.deploy(await world(), changed);
      assert.deepEqual(await lastingOf(second), before);
      assert.equal((await second.store.get('recovery/README.txt', { maxBytes: 100 })).body.toString(), 'kept');
    });

    await step(
      'removed: its rules and functions are gone, bucket and host role stay, the other stack runs on',
      async () => {
        const [bucket, role] = [second.bucket, second.outputs.HostRoleName ?? ''];
        const before = await first.rules('offsite-s-');
        await second.remove();
        assert.deepEqual(await second.rules('offsite-two-s-'), []);
        for (const name of FUNCTIONS) {
          const path = `/2015-03-31/functions/offsite-two-${name}`;
          assert.equal((await aws.send({ service: 'lambda', method: 'GET', path })).status, 404, name);
        }
        const kept = { service: 's3', method: 'GET', path: `/${bucket}/recovery/README.txt` };
        assert.equal((await aws.send(kept)).status, 200);
        await aws.query('iam', 'GetRole', { RoleName: role });
        assert.deepEqual(await first.rules('offsite-s-'), before);
        await first.invoke('reconcile');
      },
    );
  });
}

async function applyTo(stack: DeployedStack, policy: string): Promise<void> {
  const now = minuteOf(Date.now());
  const fleet = {
    hosts: { alpha: { node: 'mi-0aaaaaaaaaaaaaaa1', sets: ['data'] } },
    policies: { [policy]: { hosts: ['alpha'], full: dailyAt(new Date(now.getTime() - 3_600_000)) } },
  };
  await applyFleet(stack, fleet, now);
}

/** Physical ids, and where there is one, the id that tells a thing from a new one of the same name. */
async function lastingOf(stack: DeployedStack): Promise<Record<string, string>> {
  const { aws } = stack.world;
  const found: Record<string, string> = {};
  for (const id of LASTING) found[id] = await physicalId(stack, id);
  const role = await aws.query('iam', 'GetRole', { RoleName: found.HostRole ?? '' });
  found.roleId = /<RoleId>([^<]+)</.exec(role)?.[1] ?? '';
  const buckets = (await aws.send({ service: 's3', method: 'GET', path: '/' })).text;
  found.bucketMade = new RegExp(`<Name>${stack.bucket}</Name><CreationDate>([^<]+)<`).exec(buckets)?.[1] ?? '';
  assert.notEqual(found.bucketMade, '', buckets.slice(0, 500));
  return found;
}
