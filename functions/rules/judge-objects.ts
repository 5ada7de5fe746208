/** Is everything there that the manifest names? Pure: what the store itself answered against what the host signed. */

import type { Manifest } from '../../contract/manifest.ts';
import type { AlertCode } from './codes.ts';
import type { Finding } from './findings.ts';

/** What the store answered about an object: null where it has none of that key. */
type ObjectAnswer = { readonly size: number; readonly sha256: string | null } | null;
/** By key. A key without an entry was not asked about, and counts as missing. */
export type ObjectAnswers = ReadonlyMap<string, ObjectAnswer>;

/** The manifest of a run that this one builds on: the SHA-256 of its payload, where it can be read. */
export type SourceAnswer =
  | { readonly state: 'present'; readonly payload: string }
  | { readonly state: 'absent' }
  | { readonly state: 'unreadable'; readonly why: string };

/**
 * Every object of the run and every key object: existence, size, SHA-256. The manifest of every run it builds on. Each
 * reason names the object.
 */
export function objectRules(
  manifest: Manifest,
  objects: ObjectAnswers,
  sources: ReadonlyMap<string, SourceAnswer>,
): Finding[] {
  const findings: Finding[] = [];
  const find = (code: AlertCode, text: string) => findings.push({ severity: 'suspect', code, text });
  const check = (key: string, size: number, sha256: string) => {
    const answer = objects.get(key) ?? null;
    if (answer === null) find('object-missing', `${key} is missing`);
    else if (answer.size !== size) find('object-damaged', `${key} has ${answer.size} bytes instead of ${size}`);
    else if (answer.sha256 === null) find('object-unhashed', `${key}: the store has no SHA-256 of it to compare`);
    else if (answer.sha256 !== sha256) find('object-damaged', `${key} is damaged: its SHA-256 is ${answer.sha256}`);
  };
  for (const [key, size, sha256] of manifest.objects) check(key, size, sha256);
  for (const [, key, size, sha256] of manifest.keyObjects) check(key, size, sha256);
  for (const [, run, payload] of manifest.sources) {
    if (payload === null) continue; // The run itself, which comes last.
    const answer = sources.get(run) ?? { state: 'absent' };
    if (answer.state === 'absent') find('source-missing', `run ${run}, which it builds on, has no manifest`);
    else if (answer.state === 'unreadable') find('source-damaged', `run ${run}, which it builds on: ${answer.why}`);
    else if (answer.payload !== payload) {
      find('source-damaged', `the manifest of run ${run} is not the one that it builds on`);
    }
  }
  return findings;
}
