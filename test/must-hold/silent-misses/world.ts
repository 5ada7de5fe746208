/** What the tests of silent misses share: four nights of one policy, and what people know of them. */

import assert from 'node:assert/strict';
import { type Problem, type ProblemKind, problemKey, problemKind } from '../../../contract/problem.ts';
import type { Verdict } from '../../../contract/verdict.ts';
import type { Audited } from '../../../functions/audit.ts';
import { readDocument } from '../../../functions/lib/documents.ts';
import { readProblem } from '../../../functions/lib/problems.ts';
import type { TestStack } from '../../helpers/test-stack.ts';

export const D20 = '2026-11-20T04:00:00Z';
export const D21 = '2026-11-21T04:00:00Z';
export const D22 = '2026-11-22T04:00:00Z';
export const D23 = '2026-11-23T04:00:00Z';
/** The deadline of that night. */
export const noon = (due: string) => due.replace('T04:00', 'T12:00');
export const slot = (due: string) => ({ policy: 'nightly', due });
/** Outcome and codes. */
export const shown = (verdict: Verdict | null) => [
  verdict?.outcome,
  ...(verdict?.reasons.map(({ code }) => code) ?? []),
];

/** The slot's hosts are asked, 20 seconds after it is due. */
export async function dispatched(stack: TestStack, due: string): Promise<void> {
  assert.deepEqual((await stack.at(due.replace(':00Z', ':20Z')).dispatch(due)).errors, []);
}

/** An audit that finds nothing wrong with itself. */
export async function audited(stack: TestStack, at: string): Promise<Audited> {
  const result = await stack.at(at).audit();
  assert.deepEqual(result.errors, []);
  return result;
}

/** Audits at these times of one day, `12:00`. */
export async function auditedAt(stack: TestStack, due: string, ...times: string[]): Promise<void> {
  for (const time of times) await audited(stack, `${due.slice(0, 10)}T${time}:00Z`);
}

/** Every problem that is open, as `missed carcosa/data`, sorted. */
export async function open(stack: TestStack): Promise<string[]> {
  const names: string[] = [];
  for await (const { key } of stack.memory.list('alerts/')) {
    const { document } = await readDocument(stack.memory, key, problemKind);
    if (document === null || document.closed !== null) continue;
    const { kind, host, set, policy } = document;
    const of = [host ?? policy, set].filter((name) => name !== null).join('/');
    names.push(of === '' ? kind : `${kind} ${of}`);
  }
  return names.sort();
}

/** The open problem, of which people were told by mail: of itself, or of the open one that it is told with. */
export async function told(
  stack: TestStack,
  kind: ProblemKind,
  host: string | null = 'carcosa',
  set: string | null = host === null ? null : 'data',
): Promise<Problem> {
  const problem = await readProblem(stack.stack, problemKey({ kind, host, set }));
  const name = `${kind} ${host}/${set}`;
  assert.ok(problem !== null && problem.closed === null, `${name} is not open`);
  let spoken = problem;
  while (spoken.told === null) {
    const over = spoken.under === null ? null : await readProblem(stack.stack, spoken.under);
    assert.ok(over !== null && over.closed === null, `${name}: nobody was told`);
    spoken = over;
  }
  const mails = stack.notifier.published.filter(({ email }) => mentions(email, spoken));
  assert.ok(mails.length > 0, `${name} is in no mail: ${stack.notifier.subjects.join(' | ')}`);
  return problem;
}

function mentions(email: string, { host, set, policy }: Problem): boolean {
  return email.includes([host ?? policy, set].filter((name) => name !== null).join('/'));
}

/** How many messages people were sent that name this. */
export function mailsAbout(stack: TestStack, name: string): number {
  return stack.notifier.published.filter(({ email }) => email.includes(name)).length;
}
