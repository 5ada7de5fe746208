/**
 * The newest runs of all sets as lines of text, one a set: what a digest sends out of the account, to be held against the
 * store later. Pure. The store can be rolled back; a mail that was read cannot.
 */

import { sha256Hex } from './ids.ts';
import type { Latest } from './verdict.ts';

/** The last valid run of a set. */
export interface Head {
  readonly host: string;
  readonly set: string;
  readonly sequence: number;
  /** SHA-256 of its manifest's payload. */
  readonly payload: string;
}

const DIGITS = 8;

/** The head that a record of the newest runs names; null where it names none. */
export function headOf({ host, set, head }: Pick<Latest, 'host' | 'set' | 'head'>): Head | null {
  return head === null ? null : { host, set, sequence: head.sequence, payload: head.payload };
}

/** `host/set sequence 89abcdef`, in the order of their characters' codes, as `LC_ALL=C sort` has it. */
export function headLines(heads: readonly Head[]): string[] {
  const lines = heads.map(
    ({ host, set, sequence, payload }) => `${host}/${set} ${sequence} ${payload.slice(0, DIGITS)}`,
  );
  return lines.sort();
}

/** SHA-256 of the lines, each with its newline: what `sha256sum` says of a file of them. */
export function headsSha256(lines: readonly string[]): string {
  return sha256Hex(lines.map((line) => `${line}\n`).join(''));
}
