/** The host's own memory of what it published: its place in the ledger, a manifest not confirmed yet, the run under way. */

import { join } from 'node:path';
import * as z from 'zod';
import { field } from '../../contract/document.ts';
import { OUTCOMES } from '../../contract/manifest.ts';
import { readJsonIfThere, removeDurably, writeDurably } from './files.ts';

const ledgerSchema = z.object({
  prefix: z.string(),
  run: field.run,
  sequence: field.sequence,
  payload: field.sha256,
  outcome: z.enum(OUTCOMES),
  /** The newest complete or partial run published by this host. */
  base: field.runAndPayload.nullable(),
});
/** The last manifest that the store is known to have. */
export type Ledger = z.infer<typeof ledgerSchema>;

const pendingSchema = z.object({
  key: z.string(),
  /** The envelope's bytes, base64: only these are ever put under this key. */
  envelope: z.string(),
  ledger: ledgerSchema,
  /** The journal that is of no more use once the manifest is in the store. */
  clears: z
    .string()
    .regex(/^(full|incremental)\.jsonl$/)
    .nullable(),
});
/** A signed manifest on its way into the store. */
export type Pending = z.infer<typeof pendingSchema>;

/** Runs remembered as ended, so that a job delivered twice is made once. */
const MAX_FINISHED = 200;
const finishedSchema = z.array(field.run);

const currentSchema = z.object({ run: field.run, started: field.instant });

/** The small durable files of one set's state folder. */
export class RunMemory {
  readonly #folder: string;
  readonly #prefix: string;

  constructor(folder: string, prefix: string) {
    this.#folder = folder;
    this.#prefix = prefix;
  }

  ledger(): Ledger | null {
    const parsed = ledgerSchema.safeParse(readJsonIfThere(join(this.#folder, 'ledger.json')));
    return parsed.success && parsed.data.prefix === this.#prefix ? parsed.data : null;
  }

  writeLedger(ledger: Ledger): Promise<void> {
    return writeDurably(join(this.#folder, 'ledger.json'), JSON.stringify(ledger));
  }

  pending(): Pending | null {
    const parsed = pendingSchema.safeParse(readJsonIfThere(join(this.#folder, 'pending.json')));
    return parsed.success && parsed.data.ledger.prefix === this.#prefix ? parsed.data : null;
  }

  writePending(pending: Pending): Promise<void> {
    return writeDurably(join(this.#folder, 'pending.json'), JSON.stringify(pending));
  }

  removePending(): Promise<void> {
    return removeDurably(join(this.#folder, 'pending.json'));
  }

  isFinished(run: string): boolean {
    return this.#finished().includes(run);
  }

  async addFinished(run: string): Promise<void> {
    const runs = this.#finished().filter((one) => one !== run);
    await writeDurably(join(this.#folder, 'finished.json'), JSON.stringify([...runs, run].slice(-MAX_FINISHED)));
  }

  #finished(): string[] {
    const parsed = finishedSchema.safeParse(readJsonIfThere(join(this.#folder, 'finished.json')));
    return parsed.success ? parsed.data : [];
  }

  /** The run that began and has not ended, or null. */
  current(): { run: string; started: string } | null {
    const parsed = currentSchema.safeParse(readJsonIfThere(join(this.#folder, 'current.json')));
    return parsed.success ? parsed.data : null;
  }

  writeCurrent(run: string, started: string): Promise<void> {
    return writeDurably(join(this.#folder, 'current.json'), JSON.stringify({ run, started }));
  }

  removeCurrent(): Promise<void> {
    return removeDurably(join(this.#folder, 'current.json'));
  }
}
