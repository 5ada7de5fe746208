/**
 * `npm run test:stack [-- CASE…]`: the real service, deployed by osls to an AWS that we did not write, and put through its paces. It
 * needs no account, and but for the first `pip install` nothing of it leaves the machine.
 */

import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

/** Milliseconds; the whole of it is meant to take less than ten minutes. */
const LIMIT = 12 * 60_000;
/** The last test of all.stack.ts. */
const LAST = 'everything is taken down';

const began = performance.now();
const counts = { passed: 0, failed: 0 };
const file = join(fileURLToPath(new URL('.', import.meta.url)), 'all.stack.ts');
const overdue = setTimeout(() => {
  process.stderr.write(`\ntest:stack did not end within ${LIMIT / 60_000} minutes\n`);
  process.exit(1);
}, LIMIT);

/** By name, such as `orchestration`; all of them where none is named. What a case builds on is deployed either way. */
const cases = process.argv.slice(2);
const patterns = cases.length === 0 ? {} : { testNamePatterns: [...cases, LAST] };
const tests = run({ files: [file], isolation: 'none', concurrency: 1, ...patterns });
tests.on('test:pass', ({ name }) => {
  counts.passed++;
  endAfter(name);
});
tests.on('test:fail', ({ name, details }) => {
  counts.failed++;
  endAfter(name);
  // At once, for whoever watches; the reporter tells everything again at its end.
  const cause = details.error.cause;
  if (String(cause).includes('not tried')) return;
  process.stdout.write(`FAILED ${name}: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`);
});
tests.compose(new spec()).pipe(process.stdout);

/** The runner itself waits for whatever may still be open; nothing is, that anybody needs. */
function endAfter(name: string): void {
  if (name !== LAST) return;
  clearTimeout(overdue);
  setTimeout(() => {
    const seconds = Math.round((performance.now() - began) / 1000);
    process.stdout.write(`\ntest:stack took ${seconds} s\n${counts.passed} passed, ${counts.failed} failed\n`);
    process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
  }, 500);
}
