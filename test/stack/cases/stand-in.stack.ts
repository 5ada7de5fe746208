/** SSM's stand-in does what the real service and the real agent were seen to do. */

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../harness/wait.ts';
import type { World } from '../harness/world.ts';
import { LossyChannel } from '../ssm/channel.ts';
import { AGENT, SimulatedHost } from '../ssm/host.ts';
import { SsmStandIn } from '../ssm/server.ts';

const NODE = 'mi-0123456789abcdef1';

/** A document like the stack's, whose script ends otherwise. */
const documentOf = (last: string, allowedPattern = '^[A-Za-z0-9_-]+$') => ({
  schemaVersion: '2.2',
  parameters: {
    payload: { type: 'String', allowedPattern, interpolationType: 'ENV_VAR' },
    executionTimeout: { type: 'String', default: '43200' },
  },
  mainSteps: [
    {
      action: 'aws:runShellScript',
      name: 'backup',
      inputs: {
        timeoutSeconds: '{{ executionTimeout }}',
        runCommand: [
          'set -eu',
          `if [ -z "\${SSM_payload+x}" ]; then SSM_payload="{{ payload }}"; export SSM_payload; fi`,
          last,
          `exec ${AGENT} --version`,
        ],
      },
    },
  ],
});

export function standIn(world: () => Promise<World>): void {
  test('SSM stand-in', { timeout: 60_000 }, async (t) => {
    const { folder, gateway } = await world();
    const events: unknown[] = [];
    const ssm = new SsmStandIn(1, async (event) => void events.push(event));
    ssm.events.isLossy = false;
    const place = join(folder, 'stand-in');
    const host = new SimulatedHost(place, { node: NODE, endpoint: gateway.endpoint });
    ssm.hosts.set(NODE, host);

    const ask = async (operation: string, input: object) => {
      const asked = { service: 'ssm', action: `ssm:${operation}`, resources: [], conditions: {} };
      const request = {
        method: 'POST',
        url: new URL('http://ssm/'),
        headers: {},
        body: Buffer.from(JSON.stringify(input)),
      };
      const answer = await ssm.answer(asked, request);
      if (answer === null) throw new Error('not SSM’s');
      return (answer.status === 200 ? answer.body : (answer.body as { __type: string }).__type) as never;
    };
    const run = async (
      name: string,
      last: string,
      more: object = {},
    ): Promise<{ Status: string; StatusDetails: string; ResponseCode: number; StandardOutputContent: string }> => {
      await ask('CreateDocument', { Name: name, Content: JSON.stringify(documentOf(last)) });
      const input = { InstanceIds: [NODE], DocumentName: name, Parameters: { payload: ['eyJ2IjoxfQ'] }, ...more };
      const { Command: command } = (await ask('SendCommand', input)) as { Command: { CommandId: string } };
      await ssm.idle();
      return ask('GetCommandInvocation', { CommandId: command.CommandId, InstanceId: NODE });
    };

    await t.test('the payload arrives by environment, and as text with an old agent', async () => {
      const byEnvironment = await run('doc-env', 'echo "got $SSM_payload"; exit 0');
      assert.match(byEnvironment.StandardOutputContent, /^got eyJ2IjoxfQ$/m);
      const old = new SimulatedHost(place, { node: NODE, endpoint: gateway.endpoint, agentVersion: '3.3.0.0' });
      ssm.hosts.set(NODE, old);
      const asText = await run('doc-text', 'echo "got $SSM_payload"; exit 0');
      assert.match(asText.StandardOutputContent, /^got eyJ2IjoxfQ$/m);
      assert.match(old.lastScript, /SSM_payload="eyJ2IjoxfQ"/);
      ssm.hosts.set(NODE, host);
    });

    await t.test('an exit code is Failed with that code', async () => {
      const { Status, ResponseCode } = await run('doc-exit', 'exit 3');
      assert.deepEqual([Status, ResponseCode], ['Failed', 3]);
    });

    await t.test('past executionTimeout the whole process group is killed, with 137', async () => {
      const mark = join(place, 'outlived');
      const more = { Parameters: { payload: ['x'], executionTimeout: ['5'] } };
      const ended = await run('doc-slow', `(sleep 7; touch '${mark}') & sleep 60`, more);
      assert.deepEqual(
        [ended.Status, ended.StatusDetails, ended.ResponseCode],
        ['TimedOut', 'Execution Timed Out', 137],
      );
      await sleep(2500);
      assert.equal(existsSync(mark), false, 'its children die with it');
    });

    await t.test('what is not allowed, unknown or missing is refused before anything runs', async () => {
      const send = (more: object) => ask('SendCommand', { InstanceIds: [NODE], DocumentName: 'doc-exit', ...more });
      const before = ssm.commands.length;
      assert.equal(await send({ Parameters: { payload: ['a;reboot'] } }), 'InvalidParameters');
      assert.equal(await send({ Parameters: {} }), 'InvalidParameters');
      assert.equal(await send({ Parameters: { payload: ['a'], commands: ['date'] } }), 'InvalidParameters');
      assert.equal(
        await send({ Parameters: { payload: ['a'] }, DocumentName: 'AWS-RunShellScript' }),
        'InvalidDocument',
      );
      assert.equal(
        await send({ Parameters: { payload: ['a'] }, InstanceIds: [NODE, 'mi-unknown'] }),
        'InvalidInstanceId',
      );
      assert.equal(await send({ Parameters: { payload: ['a'] }, TimeoutSeconds: 29 }), 'ValidationException');
      assert.equal(await send({ Parameters: { payload: ['a'] }, Comment: 'x'.repeat(101) }), 'ValidationException');
      assert.equal(ssm.commands.length, before);
    });

    await t.test('a pattern that RE2 cannot compile is refused, as the agent would fail every run', async () => {
      for (const pattern of ['^[a-z]{1,4096}$', '^(?=a)b$', '^(a)\\1$']) {
        const content = JSON.stringify(documentOf('true', pattern));
        assert.equal(
          await ask('CreateDocument', { Name: 'doc-re2', Content: content }),
          'InvalidDocumentContent',
          pattern,
        );
      }
    });

    await t.test(
      'a host that is off gets the command when it is back, or not at all once its time is over',
      async () => {
        host.online = false;
        const send = async () =>
          (
            (await ask('SendCommand', {
              InstanceIds: [NODE],
              DocumentName: 'doc-exit',
              Parameters: { payload: ['a'] },
              TimeoutSeconds: 60,
            })) as { Command: { CommandId: string } }
          ).Command.CommandId;
        const status = async (id: string) =>
          ((await ask('GetCommandInvocation', { CommandId: id, InstanceId: NODE })) as { StatusDetails: string })
            .StatusDetails;
        const [first, second] = [await send(), await send()];
        assert.equal(await status(first), 'Pending');
        ssm.advance(61);
        assert.equal(await status(first), 'Delivery Timed Out');
        assert.equal(await status(second), 'Delivery Timed Out');
        const third = await send();
        ssm.wake(NODE);
        await ssm.idle();
        assert.equal(await status(third), 'Failed');
      },
    );

    await t.test('it throttles on demand', async () => {
      ssm.throttled.set('ListCommands', 1);
      assert.equal(await ask('ListCommands', {}), 'ThrottlingException');
      assert.notEqual(await ask('ListCommands', {}), 'ThrottlingException');
    });

    await t.test('by its seed a fifth of the events is lost, comes twice, or comes late; the rest once', async () => {
      const got: number[] = [];
      const channel = new LossyChannel<number>(7, async (item) => void got.push(item));
      for (let item = 0; item < 3000; item++) channel.send(item);
      await channel.flushed();
      const { lost, doubled, swapped } = channel.counts;
      await waitFor('all events', () => (got.length === 3000 - lost + doubled ? true : null));
      assert.ok(Math.abs((lost + doubled + swapped) / 3000 - 0.2) < 0.03, JSON.stringify(channel.counts));
      for (const kind of [lost, doubled, swapped]) assert.ok(kind > 100, JSON.stringify(channel.counts));
      assert.notDeepEqual(
        got,
        got.toSorted((one, other) => one - other),
      );
    });
  });
}
