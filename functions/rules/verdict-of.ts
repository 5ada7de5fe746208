/** Verdict documents, made of what was found. Pure. */

import { FORMAT } from '../../contract/document.ts';
import { instantText, runInstant } from '../../contract/ids.ts';
import type { Manifest } from '../../contract/manifest.ts';
import { type Change, type Reason, type Verdict, verdictKind } from '../../contract/verdict.ts';
import { bound } from './findings.ts';
import type { Judgement } from './judge.ts';

/** Which run a verdict is about. */
export interface About {
  readonly host: string;
  readonly set: string;
  readonly run: string;
  readonly slot: { readonly policy: string; readonly due: Date; readonly deadline: Date } | null;
}

/** Of a manifest that was judged; `believed` is null where nothing in it may be believed. */
export function verdictOfManifest(
  about: About,
  judgement: Judgement,
  found: { received: Date; believed: { manifest: Manifest; payloadHash: string; change: Change } | null },
  now: Date,
): Verdict {
  const { outcome, accepted, reasons, notices, moves } = judgement;
  const received = instantText(found.received);
  const manifest = found.believed?.manifest ?? null;
  return {
    ...blank(about, now),
    at: about.slot === null ? earlier(instantText(runInstant(about.run)), received) : instantText(about.slot.due),
    ...{ outcome, accepted, reasons, notices, moves, received },
    witness: 'manifest',
    ...(manifest === null
      ? {}
      : {
          prefix: manifest.prefix,
          payload: found.believed?.payloadHash ?? null,
          sequence: manifest.sequence,
          backup: manifest.actual,
          promoted: manifest.promoted?.reason ?? null,
          configHash: manifest.configHash,
          newBytes: manifest.counts.newBytes,
          storedBytes: manifest.counts.storedBytes,
          bytes: manifest.counts.bytes,
          files: manifest.counts.files,
          change: found.believed?.change ?? null,
        }),
  };
}

/** Of a slot's run of which there is no manifest: missed in silence, or failed as its command says. */
export function verdictWithoutManifest(
  about: About & { slot: object },
  witness: 'silence' | 'command',
  why: Reason,
  now: Date,
): Verdict {
  const outcome = witness === 'silence' ? 'missed' : 'failed';
  return { ...blank(about, now), outcome, witness, reasons: [bound(why)] };
}

function blank({ host, set, run, slot }: About, now: Date): Verdict {
  const due = slot === null ? null : instantText(slot.due);
  const deadline = slot === null ? null : instantText(slot.deadline);
  return {
    type: verdictKind.type,
    format: FORMAT,
    ...{ host, set, run, policy: slot?.policy ?? null, due, deadline, at: due ?? instantText(runInstant(run)) },
    ...{ outcome: 'failed', witness: 'silence', accepted: false, reasons: [], notices: [] },
    ...{ judged: instantText(now), recorded: null },
    moves: { head: false, base: false, good: false, baseAbove: null },
    ...{ prefix: null, payload: null, sequence: null, backup: null, promoted: null, received: null, configHash: null },
    ...{ newBytes: null, storedBytes: null, bytes: null, files: null, change: null },
  };
}

function earlier(one: string, other: string): string {
  return one < other ? one : other;
}
