/** Is there a fleet file to audit by? While there is none, the last usable one rules, and somebody is told. */

import type { ProblemKind } from '../../contract/problem.ts';
import { bound } from '../rules/findings.ts';
import { nowText, type Pass } from './pass.ts';
import { announce, close, record } from './problems.ts';

const KINDS = ['fleet-missing', 'fleet-invalid'] as const satisfies ProblemKind[];
const STACK = { host: null, set: null };

/** Begins the problem that the fleet file has, and ends those that it has no more. Returns what went wrong. */
export async function auditFleetFile(pass: Pass): Promise<unknown[]> {
  const errors: unknown[] = [];
  const { trouble } = pass.history;
  try {
    if (trouble !== null) {
      const incident = { policy: null, due: null, run: null, at: nowText(pass) };
      const reasons = [bound({ code: trouble.kind, text: trouble.text, brief: '' })];
      const problem = await record(pass, { kind: trouble.kind, ...STACK, incident, reasons });
      if (problem !== null) await announce(pass, [problem]);
    }
    for (const kind of KINDS) {
      if (trouble?.kind === kind) continue;
      await announce(pass, await close(pass, STACK, { run: null, at: nowText(pass), good: true }, [kind]));
    }
  } catch (error) {
    errors.push(error);
  }
  return errors;
}
