/** The host's own memory of what it published: its place in the ledger, a manifest not confirmed yet, the run under way. */

import { join } from 'node:path';
import * as z from 'zod';
import { field } from '../../contract/document.ts';
import { OUTCOMES } from '../../contract/manifest.ts';
import { readChecked, removeDurably, writeChecked } from './files.ts';

const ledgerSchema = z.object({
  /** Where it was published: another prefix or store has a ledger of its own. */
  prefix: z.string(),
  store: z.string(),
  run: field.run,
  /** The run published before it; null for the first. */
  follows: field.run.nullable(),
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

/** Who publishes, and where. */
export interface Publisher {
  readonly prefix: string;
  /** The store's URL. */
  readonly store: string;
}

/** The small durable files of one set's state folder. What is of another prefix or store is as good as absent. */
export class RunMemory {
  readonly publisher: Publisher;
  readonly #folder: string;

  constructor(folder: string, publisher: Publisher) {
    this.#folder = folder;
    this.publisher = publisher;
  }

  ledger(): Ledger | null {
    const parsed = ledgerSchema.safeParse(readChecked(join(this.#folder, 'ledger.json')));
    return parsed.success && this.#isOwn(parsed.data) ? parsed.data : null;
  }

  writeLedger(ledger: Ledger): Promise<void> {
    return writeChecked(join(this.#folder, 'ledger.json'), ledger);
  }

  pending(): Pending | null {
    const parsed = pendingSchema.safeParse(readChecked(join(this.#folder, 'pending.json')));
    return parsed.success && this.#isOwn(parsed.data.ledger) ? parsed.data : null;
  }

  #isOwn({ prefix, store }: Publisher): boolean {
    return prefix === this.publisher.prefix && store === this.publisher.store;
  }

  writePending(pending: Pending): Promise<void> {
    return writeChecked(join(this.#folder, 'pending.json'), pending);
  }

  removePending(): Promise<void> {
    return removeDurably(join(this.#folder, 'pending.json'));
  }

  isFinished(run: string): boolean {
    return this.#finished().includes(run);
  }

  async addFinished(run: string): Promise<void> {
    const runs = this.#finished().filter((one) => one !== run);
    await writeChecked(join(this.#folder, 'finished.json'), [...runs, run].slice(-MAX_FINISHED));
  }

  #finished(): string[] {
    const parsed = finishedSchema.safeParse(readChecked(join(this.#folder, 'finished.json')));
    return parsed.success ? parsed.data : [];
  }

  /** The run that began and has not ended, or null. */
  current(): { run: string; started: string } | null {
    const parsed = currentSchema.safeParse(readChecked(join(this.#folder, 'current.json')));
    return parsed.success ? parsed.data : null;
  }

  writeCurrent(run: string, started: string): Promise<void> {
    return writeChecked(join(this.#folder, 'current.json'), { run, started });
  }

  removeCurrent(): Promise<void> {
    return removeDurably(join(this.#folder, 'current.json'));
  }
}
