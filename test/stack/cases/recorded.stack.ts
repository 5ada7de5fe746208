/**
 * Every request that the deployed functions and the hosts made in all tests before this one, held against the packaged
 * policies by a policy simulator. The emulator enforces policies too; but it reads them in its own way, and so do we.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Principal, principalsOf, refusedOf } from '../../infra/policies.ts';
import { resolved, type Template } from '../../infra/template.ts';
import type { RecordedCall } from '../harness/recording.ts';
import type { DeployedStack } from '../harness/stack.ts';

const FUNCTION = /^function:offsite-(dispatch|complete|audit|reconcile)$/;
const HOST = /^role:offsite-host-[^/]+\/(.+)$/;
/** A role's id is made by IAM; in requests it is the beginning of the prefix. */
const ROLE_ID = /AROA[A-Z0-9]+:/g;

export function recorded(deployed: () => Promise<DeployedStack>): void {
  test('recorded requests', { timeout: 60_000 }, async (t) => {
    const stack = await deployed();
    const resources = resolved(stack.deployment.template as unknown as Template);
    const principals = principalsOf(resources);
    const who = (name: string): Principal => {
      const node = HOST.exec(name)?.[1];
      const found = node === undefined ? principals[FUNCTION.exec(name)?.[1] ?? ''] : principals.host;
      if (found === undefined) throw new Error(`no principal ${name}`);
      return node === undefined ? found : { ...found, userId: `AROAEXAMPLE:${node}` };
    };
    // What was refused were attacks, or faults on demand; that they are denied is asserted where they are made.
    const made = stack.world.gateway.calls
      .filter(({ principal, status }) => (FUNCTION.test(principal) || HOST.test(principal)) && status !== 403)
      .map(
        (call): RecordedCall => ({
          ...call,
          resources: call.resources.map((one) => one.replace(ROLE_ID, 'AROAEXAMPLE:')),
        }),
      );
    const { checked, refused } = await refusedOf(made, who, resources);
    t.diagnostic(`${made.length} requests, ${checked} different ones`);
    assert.deepEqual(refused, []);
    for (const name of ['dispatch', 'complete', 'audit', 'reconcile']) {
      assert.ok(
        made.some(({ principal }) => principal === `function:offsite-${name}`),
        `${name} asked for nothing`,
      );
    }
  });
}
