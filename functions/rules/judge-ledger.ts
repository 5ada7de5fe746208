/**
 * Is this manifest the next one of its ledger? Pure. A host numbers its manifests and names the one before by its hash;
 * the stack remembers the last one it saw (the head). What does not follow is a lost state, a restored image or a
 * cloned host, and none of these may quietly become what the next incremental builds on.
 */

import type { Manifest } from '../../contract/manifest.ts';
import type { AlertCode, NoticeCode } from './codes.ts';
import type { Finding } from './findings.ts';

export interface LedgerFacts {
  /** The last valid manifest of the set that the stack judged; null before the first. */
  readonly head: { readonly prefix: string; readonly run: string; readonly sequence: number } | null;
  /** The manifest that `previous` names, if the stack or the store knows one. */
  readonly predecessor: { readonly run: string; readonly sequence: number } | null;
  /** Other runs whose manifests name the same `previous`. */
  readonly rivals: readonly string[];
}

export interface LedgerJudgement {
  readonly findings: Finding[];
  /** True where it follows the head, or begins the ledger. */
  readonly isUnbroken: boolean;
  /** After a fork: the sequence up to which no run may be a base. */
  readonly baseAbove: number | null;
}

export function ledgerRules({ head, predecessor, rivals }: LedgerFacts, manifest: Manifest): LedgerJudgement {
  const { run, prefix, sequence, previous, ledgerUnknown } = manifest;
  const broken = (code: AlertCode, text: string): LedgerJudgement => {
    return { findings: [{ severity: 'suspect', code, text }], isUnbroken: false, baseAbove: null };
  };
  const unbroken = (code?: NoticeCode, text = ''): LedgerJudgement => {
    const findings: Finding[] = code === undefined ? [] : [{ severity: 'notice', code, text }];
    return { findings, isUnbroken: true, baseAbove: null };
  };
  const forked = (others: string): LedgerJudgement => {
    const text = `it and ${others} both follow ${predecessor === null ? 'nothing' : `run ${predecessor.run}`}: a restored image, or two machines with one identity`;
    const baseAbove = Math.max(sequence, head?.sequence ?? 0);
    return { findings: [{ severity: 'suspect', code: 'fork', text }], isUnbroken: false, baseAbove };
  };

  if (rivals.length > 0) return forked(`run ${rivals.join(', ')}`);
  if (previous === null) {
    if (head === null || head.run === run) {
      if (sequence === 1) return unbroken('first', 'the first run of this set');
      return broken('sequence', `it has sequence ${sequence}, names no run before it, and the stack knows of none`);
    }
    if (head.prefix !== prefix) {
      return unbroken('new-prefix', `the host now writes as ${prefix}, before as ${head.prefix}`);
    }
    if (!ledgerUnknown) return forked(`run ${head.run} or one before it`);
    return broken(
      'ledger-unknown',
      `the host did not know its last run; the stack knows ${head.run}, sequence ${head.sequence}`,
    );
  }
  if (predecessor === null)
    return broken('previous-unknown', `the run that it follows (${previous.slice(0, 16)}…) is not known`);
  if (sequence !== predecessor.sequence + 1) {
    return broken(
      'sequence',
      `it has sequence ${sequence} and follows run ${predecessor.run}, which has ${predecessor.sequence}`,
    );
  }
  if (head !== null && head.run !== run && head.prefix === prefix && sequence <= head.sequence) {
    return broken('sequence', `it has sequence ${sequence}, and run ${head.run} had ${head.sequence} already`);
  }
  return unbroken();
}
