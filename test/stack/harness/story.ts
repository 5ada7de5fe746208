/** Steps that build upon each other: once one has failed, the rest is not tried, and fails at once. */

import type { TestContext } from 'node:test';

export type Step = (name: string, work: () => void | Promise<void>) => Promise<void>;

/** Subtests of `t`, in order. */
export function stepsOf(t: TestContext): Step {
  let failed: string | null = null;
  return (name, work) =>
    t.test(name, async () => {
      if (failed !== null) throw new Error(`not tried, because this failed before: ${failed}`);
      failed = name;
      await work();
      failed = null;
    });
}
