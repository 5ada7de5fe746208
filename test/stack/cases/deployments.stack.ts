/** Deploying again, beside another stack, and taking it all down. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeployedStack } from '../harness/stack.ts';
import type { World } from '../harness/world.ts';

/** All that the emulator cannot deploy, and nothing more. */
const REMOVED = ['BackupDocument (AWS::SSM::Document)'];

export function deployments(_world: () => Promise<World>, deployed: () => Promise<DeployedStack>): void {
  test('deployments', { timeout: 300_000 }, async (t) => {
    const stack = await deployed();

    await t.test('what the shim takes out of the template', () => {
      t.diagnostic(`taken out for the emulator: ${stack.deployment.removed.join(', ')}`);
      assert.deepEqual(stack.deployment.removed, REMOVED);
    });
  });
}
