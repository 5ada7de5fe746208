/** Alerts that would be an email and an SMS: kept as files, and shown to whoever listens. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compactInstant } from '../contract/ids.ts';
import type { Notifier, Publication } from '../functions/ports/notifier.ts';
import type { Clock } from '../system/clock.ts';

export class Outbox implements Notifier {
  readonly displayName = 'Offsite';
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #onPublished: (publication: Publication) => void;
  #count = 0;

  /** `folder` is made; each publication becomes `<instant>-<n>.email.txt` and, if critical, `….sms.txt`. */
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
    const { subject, email, sms, critical } = publication;
    const name = `${compactInstant(this.#clock.now())}-${String(++this.#count).padStart(3, '0')}`;
    await mkdir(this.#folder, { recursive: true });
    await writeFile(join(this.#folder, `${name}.email.txt`), `Subject: ${subject}\n\n${email}\n`);
    if (critical) await writeFile(join(this.#folder, `${name}.sms.txt`), `${sms}\n`);
    this.#onPublished(publication);
  }
}
