/** What a test file's process tells the runner, one JSON line an event: `--test-reporter` of every file. */

import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';

export type Report =
  | { readonly event: 'test'; readonly outcome: 'passed' | 'failed'; readonly name: string; readonly error?: string }
  | { readonly event: 'skipped'; readonly name: string; readonly reason: string }
  /** Something to know where the file fails. */
  | { readonly event: 'note'; readonly text: string }
  /** As they happen, to know where a file hung. */
  | { readonly event: 'begun' | 'over'; readonly name: string }
  /** Without it the process ended before its tests did. */
  | { readonly event: 'end' };

const LONGEST_ERROR = 8000;
/** `tests 12`: the harness says these of every file. */
const COUNT = /^[a-z_]+ [\d.]+$/;

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const event of events) {
    for (const one of reportsOf(event, path)) yield `${JSON.stringify(one)}\n`;
  }
}

function* reportsOf({ type, data }: TestEvent, path: string[]): Generator<Report> {
  if (type === 'test:start') path.splice(data.nesting, path.length, data.name);
  if (type === 'test:dequeue') yield { event: 'begun', name: data.name };
  if (type === 'test:complete') yield { event: 'over', name: data.name };
  if (type === 'test:diagnostic' && !COUNT.test(data.message)) yield { event: 'note', text: data.message };
  if (type === 'test:summary') yield { event: 'end' };
  if (type !== 'test:pass' && type !== 'test:fail') return;
  const name = [...path.slice(0, data.nesting), data.name].join(' > ');
  const { skip, todo } = data;
  if (skip !== undefined && skip !== false) {
    yield { event: 'skipped', name, reason: typeof skip === 'string' ? skip : 'no reason given' };
  } else if (todo !== undefined && todo !== false) {
    yield { event: 'skipped', name, reason: typeof todo === 'string' ? `to do: ${todo}` : 'to do' };
  } else if (type === 'test:pass') {
    if (data.details.type !== 'suite') yield { event: 'test', outcome: 'passed', name };
  } else {
    const { error } = data.details;
    // Whoever holds the failed one has failed by it alone.
    if ('failureType' in error && error.failureType === 'subtestsFailed') return;
    const text = inspect(error.cause ?? error, { depth: 5 }).slice(0, LONGEST_ERROR);
    yield { event: 'test', outcome: 'failed', name, error: text };
  }
}
