/**
 * What a run's manifest is worth. Pure: facts in, judgement out; whatever the facts do not say is not known.
 *
 * Each rule adds reasons of one severity; the worst one is the outcome, and it is never better than what the host says
 * of itself. `failed` is no backup. `suspect` may be one: somebody has to look, and may accept it. `partial` is one, with
 * holes that the host names. Notices doubt nothing.
 */

import { runInstant } from '../../contract/ids.ts';
import type { Gate, Manifest, ScriptResult } from '../../contract/manifest.ts';
import type { Reason } from '../../contract/verdict.ts';
import type { ChangeFacts } from './changes.ts';
import type { NoticeCode } from './codes.ts';
import { type CodedReason, type Finding, severityOf, stripFindings, utc } from './findings.ts';
import { changeRules } from './judge-changes.ts';
import { type LedgerFacts, ledgerRules } from './judge-ledger.ts';
import { type ObjectAnswers, objectRules, type SourceAnswer } from './judge-objects.ts';

export interface Judgement {
  readonly outcome: 'complete' | 'partial' | 'suspect' | 'failed';
  readonly accepted: boolean;
  readonly reasons: Reason[];
  readonly notices: Reason[];
  readonly moves: Moves;
}

/** How `latest` moves, each only to a higher sequence: any valid manifest is a head, an accepted one a base, a complete or operator-accepted one good. */
export interface Moves {
  readonly head: boolean;
  readonly base: boolean;
  readonly good: boolean;
  readonly baseAbove: number | null;
}

export interface RunFacts {
  /** As the fleet file of the due minute has it. */
  readonly host: {
    readonly name: string;
    readonly pin: string | null;
    readonly recipients: readonly string[];
    /** False where unusual figures of the set are to be noted alone. */
    readonly mindsAnomalies: boolean;
  };
  /** Null for a run that no slot asked for. */
  readonly slot: { readonly due: Date; readonly deadline: Date } | null;
  readonly manifest: ValidManifest | InvalidManifest;
  readonly ledger: LedgerFacts;
  /** By the stack's own record the accepted run that this one builds on, else the newest; null where there is none. */
  readonly before: ChangeFacts['before'];
  /** What accepted runs of the set were like, as `latest` has it. */
  readonly recent: ChangeFacts['recent'];
  /** The last run with unusual content, where neither it nor a later one was accepted. */
  readonly doubted: ChangeFacts['doubted'];
  /** What is known of the run that this one builds on; null where it builds on none. */
  readonly base: 'accepted' | 'not-accepted' | 'unknown' | null;
  readonly configHash: string | null;
  readonly objects: ObjectAnswers;
  readonly sources: ReadonlyMap<string, SourceAnswer>;
}

export interface ValidManifest {
  readonly state: 'valid';
  readonly manifest: Manifest;
  readonly signer: string;
  /** Why the operator's trust.json does not cover this signature; null where it does. */
  readonly uncertified: string | null;
  readonly received: Date;
}

interface InvalidManifest {
  readonly state: 'invalid';
  readonly code: string;
  readonly why: string;
}

const NOTHING_MOVES: Moves = { head: false, base: false, good: false, baseAbove: null };
const MINUTE = 60_000;
/** Host clocks that are off by more are worth a notice; and nothing is received so long before it is due. */
const CLOCK_TOLERANCE = 10 * MINUTE;

/** Judges a run by its manifest. An operator's acceptance is applied to the result with `acceptedByOperator`. */
export function judge(facts: RunFacts): Judgement {
  const { manifest: found, host } = facts;
  if (found.state === 'invalid') return failedOutright(invalidReason(found));
  if (host.pin !== null && found.signer !== host.pin) {
    const text = `it is signed by key ${found.signer}, and the fleet file pins ${host.pin}`;
    return failedOutright({ code: 'pin', text });
  }
  const ledger = ledgerRules(facts.ledger, found.manifest);
  const holdsBackup = found.manifest.outcome !== 'failed';
  const findings = [
    ...ownWords(found.manifest),
    ...identityRules(facts, found),
    ...ledger.findings,
    ...(holdsBackup ? contentRules(facts, found.manifest) : []),
    ...timeRules(facts, found),
    ...changeNotices(facts, found.manifest),
  ];
  const outcome = severityOf(findings);
  const accepted = outcome === 'complete' || outcome === 'partial';
  const moves: Moves = {
    head: ledger.isUnbroken || found.manifest.stateLost,
    base: accepted && ledger.baseAbove === null,
    good: outcome === 'complete',
    baseAbove: ledger.baseAbove,
  };
  return { outcome, accepted, ...stripFindings(findings), moves };
}

/** The same run after the operator looked at it and signed that it is good. A failed run is no backup and stays one. */
export function acceptedByOperator<T extends { outcome: string; accepted: boolean; moves: Moves }>(judged: T): T {
  if (judged.outcome !== 'suspect' && judged.outcome !== 'partial') return judged;
  const isFork = judged.moves.baseAbove !== null;
  return { ...judged, accepted: true, moves: { ...judged.moves, head: true, base: !isFork, good: true } };
}

function failedOutright(reason: CodedReason): Judgement {
  return { outcome: 'failed', accepted: false, reasons: [reason], notices: [], moves: NOTHING_MOVES };
}

/** The stable codes of what a manifest can have wrong before anything in it is believed. */
function invalidReason({ code, why }: InvalidManifest): CodedReason {
  if (code === 'signature-invalid') return { code: 'signature', text: why };
  if (code === 'format-unknown') return { code: 'format', text: `${why}: upgrade the stack` };
  return { code: 'shape', text: why };
}

function ownWords(manifest: Manifest): Finding[] {
  const { outcome, error, scripts, warnings } = manifest;
  const counted = warnings.map(({ code, count }) => `${count} x ${code}`).join(', ');
  const withCounts = (text: string) => (counted === '' ? text : `${text}: ${counted}`);
  if (outcome === 'failed') {
    const script = scripts.find(({ name, exitCode }) => name === error?.script && exitCode !== 0);
    if (script !== undefined) return [scriptFinding(script)];
    const code = error?.code ?? 'unknown';
    return [
      { severity: 'failed', code: 'host-failed', text: `the host reports error ${code}`, brief: `error ${code}` },
    ];
  }
  if (outcome === 'partial') {
    return [{ severity: 'partial', code: 'partial', text: withCounts('not everything could be read'), brief: counted }];
  }
  const isExplained = manifest.gates.some(({ ok }) => !ok);
  if (outcome === 'complete' || isExplained) return [];
  return [{ severity: 'suspect', code: 'host-suspect', text: withCounts('the host doubts this run itself') }];
}

function scriptFinding({ name, exitCode, seconds, lastLines }: ScriptResult): Finding {
  const ended = exitCode === null ? 'was killed' : `ended with exit code ${exitCode}`;
  const finding: Finding = {
    severity: 'failed',
    code: 'script',
    text: `script ${name} ${ended} after ${seconds} s`,
    brief: `script ${name} ${exitCode === null ? 'killed' : `exit ${exitCode}`}`,
  };
  return lastLines === undefined ? finding : { ...finding, detail: lastLines };
}

function identityRules({ host }: RunFacts, { manifest, uncertified, signer }: ValidManifest): Finding[] {
  const findings: Finding[] = [];
  if (manifest.name !== host.name) {
    const text = `it names its host ${manifest.name}; the fleet file calls the host of ${manifest.prefix} ${host.name}`;
    findings.push({ severity: 'suspect', code: 'name', text });
  }
  if (uncertified !== null)
    findings.push({ severity: 'notice', code: 'uncertified', text: `${uncertified} (${signer})` });
  return findings;
}

/** Can it be restored, by those who must be able to, and is it what one would expect? */
function contentRules(facts: RunFacts, manifest: Manifest): Finding[] {
  return [
    ...recipientRules(facts, manifest),
    ...objectRules(manifest, facts.objects, facts.sources),
    ...baseRules(facts, manifest),
    ...gateRules(manifest.gates),
    ...anomalies(facts, manifest),
  ];
}

function recipientRules({ host }: RunFacts, { recipients }: Manifest): Finding[] {
  const missing = host.recipients.filter((wanted) => !recipients.includes(wanted));
  if (missing.length === 0) return [];
  const text = `it cannot be read with ${missing.join(', ')}, which the fleet file demands`;
  return [{ severity: 'suspect', code: 'recipients', text }];
}

function baseRules({ base }: RunFacts, manifest: Manifest): Finding[] {
  if (base === null || base === 'accepted') return [];
  const why = base === 'unknown' ? 'of which the stack has no verdict' : 'which was not accepted';
  return [{ severity: 'suspect', code: 'base', text: `it builds on run ${manifest.base?.run}, ${why}` }];
}

function gateRules(gates: readonly Gate[]): Finding[] {
  return gates
    .filter(({ ok }) => !ok)
    .map(({ gate, expected, found }) => {
      const text = `gate ${gate}: expected ${expected} or more, found ${found}`;
      return { severity: 'suspect', code: 'gate', text, brief: `gate ${gate} ${found} < ${expected}` };
    });
}

/** Is it like the runs before it? The operator may have said in the fleet file that this is not to be minded. */
function anomalies({ host, before, recent, doubted, configHash }: RunFacts, manifest: Manifest): Finding[] {
  const { base, run, actual } = manifest;
  const elapsed = actual === 'full' || base === null ? null : +runInstant(run) - +runInstant(base.run);
  const isOtherConfig = configHash !== null && configHash !== manifest.configHash;
  const found = changeRules(manifest, { before, recent, doubted, elapsed, isOtherConfig });
  if (host.mindsAnomalies) return found.map((reason) => ({ ...reason, severity: 'suspect' }));
  return found.map(({ code, text, brief }) => ({
    severity: 'notice',
    code: 'unusual',
    text: `${code}: ${text}`,
    ...(brief === undefined ? {} : { brief }),
  }));
}

function timeRules({ slot }: RunFacts, { manifest, received }: ValidManifest): Finding[] {
  const findings: Finding[] = [];
  if (slot !== null && +received < +slot.due - CLOCK_TOLERANCE) {
    const text = `it was received at ${utc(received)}, before it was due at ${utc(slot.due)}`;
    findings.push({ severity: 'suspect', code: 'early', text });
  }
  if (slot !== null && received > slot.deadline) {
    const text = `it was received at ${utc(received)}; the deadline was ${utc(slot.deadline)}`;
    findings.push({ severity: 'notice', code: 'late', text });
  }
  const off = Date.parse(manifest.finished) - received.getTime();
  const began = slot === null ? 0 : slot.due.getTime() - Date.parse(manifest.started);
  if (Math.abs(off) > CLOCK_TOLERANCE || began > CLOCK_TOLERANCE || manifest.finished < manifest.started) {
    const text = `by its own clock the host ran from ${manifest.started} to ${manifest.finished}; the store received the manifest at ${utc(received)}`;
    findings.push({ severity: 'notice', code: 'clock', text });
  }
  return findings;
}

function changeNotices({ configHash }: RunFacts, manifest: Manifest): Finding[] {
  const findings: Finding[] = [];
  const notice = (code: NoticeCode, text: string) => findings.push({ severity: 'notice', code, text });
  if (manifest.promoted !== null) notice('promoted', `the incremental became a full: ${manifest.promoted.reason}`);
  if (manifest.stateLost) notice('state-lost', 'the host had lost its state');
  if (configHash !== null && configHash !== manifest.configHash) notice('config', "the set's config changed");
  return findings;
}
