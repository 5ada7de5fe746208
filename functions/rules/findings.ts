/** What rules find, and how findings add up. Pure. */

import type { Reason } from '../../contract/verdict.ts';
import type { AlertCode, NoticeCode } from './codes.ts';

const SEVERITIES = ['complete', 'partial', 'suspect', 'failed'] as const;
type Severity = (typeof SEVERITIES)[number];

type Words = Omit<Reason, 'code'>;
/** A reason with one of our codes. */
export type CodedReason = Words & { readonly code: AlertCode };
/** What one rule found. A notice doubts nothing. */
export type Finding =
  | (CodedReason & { readonly severity: Exclude<Severity, 'complete'> })
  | (Words & { readonly code: NoticeCode; readonly severity: 'notice' });

const MAX_REASONS = 100;
const MAX_TEXT = 2000;
const MAX_BRIEF = 80;
const MAX_DETAIL = 4096;

/** The worst of them. */
export function severityOf(findings: readonly Finding[]): Severity {
  return SEVERITIES[findings.reduce((worst, finding) => Math.max(worst, rank(finding)), 0)] ?? 'failed';
}

/** Reasons, the worst first, and notices: at most a hundred each, in the bounds that a verdict has. */
export function stripFindings(findings: readonly Finding[]): { reasons: Reason[]; notices: Reason[] } {
  const bad = findings.filter(({ severity }) => severity !== 'notice');
  const worstFirst = bad.toSorted((one, other) => rank(other) - rank(one));
  const notices = findings.filter(({ severity }) => severity === 'notice');
  return { reasons: bounded(worstFirst), notices: bounded(notices) };
}

function rank({ severity }: Finding): number {
  return severity === 'notice' ? 0 : SEVERITIES.indexOf(severity);
}

function bounded(findings: readonly Finding[]): Reason[] {
  const reasons: Reason[] = findings.slice(0, MAX_REASONS).map(({ severity: _, ...found }) => bound(found));
  const left = findings.length - reasons.length;
  if (left > 0) reasons.push({ code: 'more', text: `and ${left} more like these` });
  return reasons;
}

/** A reason in the bounds that documents have. Texts come from manifests too: what cannot be printed becomes a space. */
export function bound<T extends string>({ code, text, brief, detail }: Words & { code: T }): Words & { code: T } {
  const printable = (line: string) => line.toWellFormed().replaceAll(/\p{C}/gu, ' ');
  const cut = (line: string, length: number) => line.slice(0, length).toWellFormed();
  return {
    code,
    text: cut(printable(text), MAX_TEXT),
    ...(brief === undefined || brief === '' ? {} : { brief: cut(printable(brief), MAX_BRIEF) }),
    ...(detail === undefined
      ? {}
      : { detail: detail.split(/\r?\n/).map(printable).join('\n').slice(-MAX_DETAIL).toWellFormed() }),
  };
}

/** `2026-11-21 04:00 UTC`. */
export function utc(instant: Date): string {
  return `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
