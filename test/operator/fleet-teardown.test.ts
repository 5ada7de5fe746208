/** Whose schedules a teardown takes away, and whose never. */

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { isOffsiteError } from '../../contract/errors.ts';
import { stackToTearDown } from '../../operator/fleet-teardown.ts';
import { MemoryStore } from '../../store/memory.ts';
import { TestStack } from '../helpers/test-stack.ts';

let stack: TestStack;
const now = () => stack.clock.now();

beforeEach(async () => {
  stack = await TestStack.of();
});

test('the stack that the fleet file names, whether it is named again or not', async () => {
  assert.equal(await stackToTearDown(stack.memory, undefined, now()), 'offsite');
  assert.equal(await stackToTearDown(stack.memory, 'offsite', now()), 'offsite');
});

test("another stack's name is refused", async () => {
  await assert.rejects(
    stackToTearDown(stack.memory, 'offsite-test', now()),
    (error) => isOffsiteError(error, 'stack-mismatch') && /offsite, not to offsite-test/.test(error.message),
  );
});

test('without a fleet file it must be named', async () => {
  const empty = new MemoryStore({ clock: stack.clock });
  await assert.rejects(stackToTearDown(empty, undefined, now()), (error) => isOffsiteError(error, 'usage'));
  assert.equal(await stackToTearDown(empty, 'offsite-old', now()), 'offsite-old');
});
