/** Commands and their invocations, with the statuses of Run Command ("Understanding command statuses"). */

import type { DocumentContent } from './documents.ts';
import type { ScriptResult, SimulatedHost } from './host.ts';

export type Status = 'Pending' | 'InProgress' | 'Success' | 'Failed' | 'TimedOut' | 'Cancelled';

export interface Invocation {
  readonly host: SimulatedHost;
  status: Status;
  details: string;
  code: number;
  out: string;
  err: string;
  /** Once terminal it stays so. */
  isOver: boolean;
}

export interface Command {
  readonly id: string;
  readonly document: string;
  readonly version: string;
  readonly content: DocumentContent;
  readonly values: Record<string, string>;
  readonly given: Record<string, string[]>;
  readonly comment: string;
  readonly requested: Date;
  /** By the stand-in's clock, after which a host that has not begun will not. Milliseconds. */
  readonly deliverUntil: number;
  readonly maxErrors: { readonly count: number } | { readonly share: number };
  readonly invocations: Invocation[];
}

/** Ends an invocation with what its script said. */
export function endWith(invocation: Invocation, { code, timedOut, out, err }: ScriptResult): void {
  if (invocation.isOver) return;
  Object.assign(invocation, { code, out, err, isOver: true });
  if (timedOut) Object.assign(invocation, { status: 'TimedOut', details: 'Execution Timed Out', code: 137 });
  else if (code === 0) Object.assign(invocation, { status: 'Success', details: 'Success' });
  else Object.assign(invocation, { status: 'Failed', details: 'Failed' });
}

/** Ends an invocation that never ran. */
export function endUnrun(invocation: Invocation, status: Status, details: string): void {
  if (!invocation.isOver) Object.assign(invocation, { status, details, code: -1, isOver: true });
}

/** True where more invocations failed than the command allows; what has not begun is then `Terminated`. */
export function hasTooManyErrors({ invocations, maxErrors }: Command): boolean {
  const failed = invocations.filter(
    ({ status, details }) => status === 'Failed' || details === 'Execution Timed Out',
  ).length;
  if ('count' in maxErrors) return failed > maxErrors.count;
  return failed > (maxErrors.share / 100) * invocations.length;
}

export function statusOf({ invocations }: Command): Status {
  const statuses = invocations.map(({ status }) => status);
  if (statuses.includes('InProgress')) return 'InProgress';
  if (statuses.includes('Pending')) return 'Pending';
  for (const status of ['TimedOut', 'Failed', 'Cancelled'] as const) if (statuses.includes(status)) return status;
  return 'Success';
}
