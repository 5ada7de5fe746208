/** Alerts that would be an email and an SMS: kept as files, and shown to whoever listens. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { OffsiteError } from '../contract/errors.ts';
import { compactInstant } from '../contract/ids.ts';
import type { Notifier, Publication } from '../functions/ports/notifier.ts';
import type { Clock } from '../system/clock.ts';
import { errno } from '../system/errno.ts';

/** What to say where nothing can be written into that folder. */
export function cannotKeep(what: string, folder: string, cause: unknown): OffsiteError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new OffsiteError('stack-failed', `${folder}: ${what} cannot be kept: ${why}`, {
    cause,
    hint: 'Mend the folder, or name another with --outbox DIR or $OFFSITE_OUTBOX.',
  });
}

export class Outbox implements Notifier {
  readonly displayName = 'Offsite';
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #onPublished: (publication: Publication) => void;
  #count = 0;

  /** `folder` is made; each publication becomes `<instant>-<n>.email.txt` (of the topic `alarms`: `….alarm.txt`) and, if critical, `….sms.txt`. */
  constructor(folder: string, clock: Clock, onPublished: (publication: Publication) => void) {
    this.#folder = folder;
    this.#clock = clock;
    this.#onPublished = onPublished;
  }

  /** Files are kept for whoever looks. */
  async hasListener(): Promise<boolean> {
    return true;
  }

  async publish(publication: Publication): Promise<void> {
    const { topic, subject, email, sms, critical } = publication;
    const letter = `Subject: ${subject}\n\n${email}\n`;
    try {
      await mkdir(this.#folder, { recursive: true });
      const name = await this.#writeNew(topic === 'alerts' ? 'email' : 'alarm', letter);
      if (critical && topic === 'alerts') await writeFile(join(this.#folder, `${name}.sms.txt`), `${sms}\n`);
    } catch (error) {
      throw cannotKeep('a message', this.#folder, error);
    }
    this.#onPublished(publication);
  }

  /** Another process may write at the same second: what is there is never written over. */
  async #writeNew(kind: 'email' | 'alarm', text: string): Promise<string> {
    for (;;) {
      const name = `${compactInstant(this.#clock.now())}-${String(++this.#count).padStart(3, '0')}`;
      try {
        await writeFile(join(this.#folder, `${name}.${kind}.txt`), text, { flag: 'wx' });
        return name;
      } catch (error) {
        if (errno(error) !== 'EEXIST') throw error;
      }
    }
  }
}
