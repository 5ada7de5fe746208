/** What goes wrong around the functions: events that nobody understands, services that throttle. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeployedStack } from '../harness/stack.ts';
import { stepsOf } from '../harness/story.ts';
import { waitFor } from '../harness/wait.ts';

interface DeadLetter {
  readonly function?: string;
  readonly reason?: string;
  readonly event?: unknown;
  /** Of Lambda's own destination. */
  readonly requestPayload?: unknown;
  readonly responsePayload?: { readonly errorMessage?: string };
}

export function failures(deployed: () => Promise<DeployedStack>): void {
  test('failures', { timeout: 120_000 }, async (t) => {
    const stack = await deployed();
    const { gateway, ssm, aws } = stack.world;
    const step = stepsOf(t);
    const found: DeadLetter[] = [];
    const letter = (what: string, fits: (one: DeadLetter) => boolean) =>
      waitFor(
        `a dead letter: ${what}`,
        async () => {
          found.push(...((await stack.deadLetters()) as DeadLetter[]));
          return found.find(fits) ?? null;
        },
        60_000,
      );

    await step('a malformed event ends in the dead-letter queue, with the reason', async () => {
      const event = { policy: 'Not A Policy', time: 'yesterday' };
      for (const name of ['dispatch', 'complete'] as const) {
        await aws.invokeAsync(`${stack.name}-${name}`, event);
        const dead = await letter(`of ${name}`, (one) => one.function === name);
        assert.deepEqual(dead.event, event);
        assert.match(dead.reason ?? '', name === 'dispatch' ? /neither a firing/ : /neither an S3/);
      }
    });

    await step('a service that throttles is asked again', async () => {
      const deadline = new Date(Date.now() + 3_600_000).toISOString();
      ssm.throttled.set('SendCommand', 2);
      const slow = { status: 503, code: 'SlowDown' };
      gateway.faults.push({
        principal: /-dispatch$/,
        action: /^s3:PutObject$/,
        resource: /expected\.json$/,
        times: 2,
        does: slow,
      });
      const before = ssm.commands.length;
      await stack.invoke('dispatch', { manual: { host: 'alpha', type: 'full', deadline } });
      assert.equal(ssm.commands.length, before + 1);
      assert.equal(ssm.throttled.get('SendCommand'), 0);
      assert.equal(gateway.faults.length, 0);
      await ssm.idle();
    });

    await step('what goes on failing is tried three times and then kept', async () => {
      const deadline = new Date(Date.now() + 3_600_000).toISOString();
      const denied = { status: 403, code: 'AccessDenied' };
      gateway.faults.push({
        principal: /-dispatch$/,
        action: /^s3:PutObject$/,
        resource: /expected\.json$/,
        times: 3,
        does: denied,
      });
      await aws.invokeAsync(`${stack.name}-dispatch`, { manual: { host: 'alpha', type: 'full', deadline } });
      const dead = await letter('of Lambda itself', (one) => one.requestPayload !== undefined);
      assert.match(JSON.stringify(dead.responsePayload), /AccessDenied/);
      assert.equal(gateway.faults.length, 0, 'three tries');
    });
  });
}
