/** Is there a fleet file to audit by? While there is none, the last usable one rules, and somebody is told. */

import type { ProblemKind } from '../../contract/problem.ts';
import type { Pass } from './pass.ts';
import { closeOfStack, recordOfStack } from './problems.ts';

const KINDS = ['fleet-missing', 'fleet-invalid'] as const satisfies ProblemKind[];

/** Begins the problem that the fleet file has, and ends those that it has no more. Returns what went wrong. */
export async function auditFleetFile(pass: Pass): Promise<unknown[]> {
  const { trouble } = pass.history;
  try {
    if (trouble !== null) await recordOfStack(pass, trouble.kind, { code: trouble.kind, text: trouble.text });
    for (const kind of KINDS) if (trouble?.kind !== kind) await closeOfStack(pass, kind);
    return [];
  } catch (error) {
    return [error];
  }
}
