/**
 * The journal of a run under way, or of a full that takes several runs: which part numbers were drawn, which parts are
 * in the store, and what is in them. A line is a record and the beginning of its hash; one that is torn or damaged is
 * dropped. It may be lost at any time: then the parts are uploaded again under other names.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import * as z from 'zod';
import { sha256Hex } from '../../contract/ids.ts';
import type { ObjectLine } from '../../contract/manifest.ts';
import type { PartChunk, PartJournal } from '../engine/part-uploads.ts';
import { asStateError, removeDurably } from './files.ts';
import type { Publisher } from './ledger.ts';

const objectLine = z.tuple([z.string(), z.number(), z.string(), z.number()]);
const chunk = z.tuple([z.string(), z.number(), z.number(), z.number(), z.number()]);
const record = z.discriminatedUnion('is', [
  z.object({
    is: z.literal('begin'),
    prefix: z.string(),
    store: z.string(),
    chain: z.string(),
    recipients: z.array(z.string()),
  }),
  z.object({ is: z.literal('attempt'), run: z.string(), attempt: z.number() }),
  z.object({ is: z.literal('key'), attempt: z.number(), key: z.string(), size: z.number(), sha256: z.string() }),
  z.object({ is: z.literal('number'), number: z.number() }),
  z.object({
    is: z.literal('part'),
    kind: z.enum(['data', 'meta']),
    number: z.number(),
    line: objectLine,
    chunks: z.array(chunk),
  }),
]);
type Record = z.infer<typeof record>;

/** What all attempts that share a journal have in common. */
export interface JournalOf extends Publisher {
  readonly chain: string;
  /** Fingerprints that its parts are sealed to. */
  readonly recipients: string[];
}

/** What an earlier attempt left that can be used. */
export interface Unfinished extends JournalOf {
  /** The runs that worked on it, oldest first. */
  readonly runs: string[];
  readonly attempts: number;
  /** The first number never drawn. */
  readonly nextNumber: number;
  readonly keyObjects: [attempt: number, key: string, size: number, sha256: string][];
  readonly parts: { kind: 'data' | 'meta'; number: number; line: ObjectLine; chunks: PartChunk[] }[];
}

/** Reads a journal; null where there is none, or it does not even say what it is of. */
export function readJournal(file: string): Unfinished | null {
  const records: Record[] = [];
  try {
    for (const line of linesOf(file)) {
      // A killed attempt may leave a torn line; the next one begins with a newline, so only that line is lost.
      const parsed = parseRecord(line);
      if (parsed !== null) records.push(parsed);
    }
  } catch {
    return null;
  }
  const [begin] = records;
  if (begin?.is !== 'begin') return null;
  const of = <K extends Record['is']>(is: K) =>
    records.filter((one): one is Extract<Record, { is: K }> => one.is === is);
  return {
    prefix: begin.prefix,
    store: begin.store,
    chain: begin.chain,
    recipients: begin.recipients,
    runs: of('attempt').map(({ run }) => run),
    // Whatever line is lost, a number that a key object or a part has is never used again.
    attempts: [...of('attempt'), ...of('key')].reduce(
      (last, { attempt }) => Math.max(last, attempt),
      of('part').reduce((last, { line }) => Math.max(last, line[3]), 0),
    ),
    nextNumber: [...of('number'), ...of('part')].reduce((next, { number }) => Math.max(next, number + 1), 0),
    keyObjects: of('key').map(({ attempt, key, size, sha256 }) => [attempt, key, size, sha256]),
    parts: of('part').map(({ kind, number, line, chunks }) => ({ kind, number, line, chunks })),
  };
}

/** Bytes of a line that is looked at: that of a part with millions of chunks is shorter. */
const MAX_LINE = 2 ** 28;
const PIECE = 2 ** 20;

/** The lines of a file that may be longer than a string can be. Throws where it cannot be read. */
function* linesOf(file: string): Generator<string> {
  const descriptor = openSync(file, 'r');
  try {
    let [begun, length]: [Buffer[], number] = [[], 0];
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE);
      const count = readSync(descriptor, piece, 0, PIECE, null);
      if (count === 0) break;
      let start = 0;
      for (let end = piece.indexOf(0x0a); end !== -1 && end < count; end = piece.indexOf(0x0a, start)) {
        if (length + end - start <= MAX_LINE) yield Buffer.concat([...begun, piece.subarray(start, end)]).toString();
        [begun, length, start] = [[], 0, end + 1];
      }
      length += count - start;
      if (length <= MAX_LINE) begun.push(piece.subarray(start, count));
      else begun = [];
    }
    yield Buffer.concat(begun).toString();
  } finally {
    closeSync(descriptor);
  }
}

const HASH_DIGITS = 16;
const hashOf = (text: string) => sha256Hex(text).slice(0, HASH_DIGITS);

function parseRecord(line: string): Record | null {
  const text = line.slice(0, -HASH_DIGITS - 1);
  if (line.slice(text.length) !== `\t${hashOf(text)}`) return null;
  try {
    return record.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/** Appends to a journal. Numbers and attempts are synced before they are used; parts when the next number is. */
export class Journal implements PartJournal {
  readonly #file: string;
  readonly #handle: FileHandle;
  /** The first number that no part of an earlier attempt has. */
  readonly firstNumber: number;
  #tail: Promise<void> = Promise.resolve();

  private constructor(file: string, handle: FileHandle, next: number) {
    this.#file = file;
    this.#handle = handle;
    this.firstNumber = next;
  }

  /** Continues the journal at `file` (`before`: what is in it), or begins it anew. Throws `state-unwritable`. */
  static async open(file: string, begin: JournalOf, before: Unfinished | null): Promise<Journal> {
    const handle = await asStateError(file, () => open(file, before === null ? 'w' : 'a', 0o600));
    const journal = new Journal(file, handle, before?.nextNumber ?? 0);
    // A torn last line must not swallow the next record.
    if (before !== null) journal.#append('\n');
    else journal.#write({ is: 'begin', ...begin });
    return journal;
  }

  /** Notes a new attempt; durable when it returns. */
  async attempt(run: string, attempt: number): Promise<void> {
    this.#write({ is: 'attempt', run, attempt });
    await this.#sync();
  }

  keyObject(attempt: number, key: string, size: number, sha256: string): void {
    this.#write({ is: 'key', attempt, key, size, sha256 });
  }

  used(number: number): Promise<void> {
    this.#write({ is: 'number', number });
    return this.#sync();
  }

  stored(kind: 'data' | 'meta', number: number, line: ObjectLine, chunks: PartChunk[]): void {
    this.#write({ is: 'part', kind, number, line, chunks });
  }

  /** Waits until all that was noted is in the file; then only a power cut can lose it. */
  written(): Promise<void> {
    return this.#tail;
  }

  /** Ends writing; the journal stays for the next attempt. */
  async close(): Promise<void> {
    await this.#tail.catch(() => undefined);
    await this.#handle.close().catch(() => undefined);
  }

  /** The work is committed: the journal is of no more use. */
  async remove(): Promise<void> {
    await this.close();
    await removeDurably(this.#file);
  }

  #write(one: Record): void {
    const text = JSON.stringify(one);
    this.#append(`${text}\t${hashOf(text)}\n`);
  }

  #append(text: string): void {
    this.#tail = this.#tail.then(() => asStateError(this.#file, () => this.#handle.appendFile(text)));
    // The failure is thrown where somebody waits for it.
    this.#tail.catch(() => undefined);
  }

  #sync(): Promise<void> {
    this.#tail = this.#tail.then(() => asStateError(this.#file, () => this.#handle.datasync()));
    this.#tail.catch(() => undefined);
    return this.#tail;
  }
}
