/** What the runner prints: a line a file, failures in full, then the slowest files, what was skipped, and the count. */

import { relative } from 'node:path';
import type { FileResult } from './run-file.ts';

const SLOWEST = 5;
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const indented = (text: string) => text.trimEnd().replace(/^/gm, '    ');

/** The line of a file, and its failures. */
export function describeFile(result: FileResult, root: string): string {
  const { file, milliseconds, passed, failed, skipped, output } = result;
  const counts = `${passed + failed.length} tests${skipped.length === 0 ? '' : `, ${skipped.length} skipped`}`;
  const head = `${failed.length === 0 ? 'ok  ' : 'FAIL'} ${seconds(milliseconds).padStart(8)}  ${relative(root, file)} (${counts})`;
  if (failed.length === 0) return head;
  const failures = failed.map(({ name, error }) => `  failed: ${name}\n${indented(error)}`);
  const printed = output.trim() === '' ? [] : [`  it printed:\n${indented(output)}`];
  return [head, ...failures, ...printed, ''].join('\n');
}

/** All that is said in the end; the last line is `N passed, N failed`, and `, N skipped` where there are any. */
export function describeAll(results: readonly FileResult[], root: string): string {
  const failed = results.flatMap((result) =>
    result.failed.map(({ name }) => `  ${relative(root, result.file)}: ${name}`),
  );
  const reasons = Map.groupBy(
    results.flatMap((result) =>
      result.skipped.map(({ name, reason }) => ({ name: `${relative(root, result.file)}: ${name}`, reason })),
    ),
    ({ reason }) => reason,
  );
  const slowest = [...results].sort((one, other) => other.milliseconds - one.milliseconds).slice(0, SLOWEST);
  const lines = [
    '',
    'slowest:',
    ...slowest.map(({ file, milliseconds }) => `${seconds(milliseconds).padStart(10)}  ${relative(root, file)}`),
  ];
  for (const [reason, tests] of reasons)
    lines.push('', `skipped (${reason}):`, ...tests.map(({ name }) => `  ${name}`));
  if (failed.length > 0) lines.push('', 'failed:', ...failed);
  return [...lines, '', countLine(results)].join('\n');
}

export function countLine(results: readonly FileResult[]): string {
  const sum = (count: (result: FileResult) => number) => results.reduce((total, result) => total + count(result), 0);
  const skipped = sum((result) => result.skipped.length);
  const line = `${sum((result) => result.passed)} passed, ${sum((result) => result.failed.length)} failed`;
  return skipped === 0 ? line : `${line}, ${skipped} skipped`;
}
