/**
 * When objects were put, by the clock of a stack whose time is not this machine's. The emulator dates them by its own
 * clock, which nothing can move; so each answer of its S3 about a bucket whose time is shifted goes through here. An
 * object is as much ahead as its bucket was when it was put.
 */

import type { SeenRequest } from './recording.ts';

interface Answer {
  readonly status: number;
  /** Names and values by turns. */
  readonly headers: string[];
  readonly body: Buffer;
}

export class StoreClock {
  /** Milliseconds, by bucket. */
  readonly #buckets = new Map<string, number>();
  /** Milliseconds, by bucket and key; none for what was put before its bucket was shifted. */
  readonly #objects = new Map<string, number>();

  /** What is put into the bucket from now on is dated so much later. */
  shift(bucket: string, milliseconds: number): void {
    this.#buckets.set(bucket, milliseconds);
  }

  /** The emulator's answer as it would be if its clock were the stack's. */
  dated({ method, url }: SeenRequest, answer: Answer): Answer {
    const [, bucket = '', ...rest] = url.pathname.split('/').map(decodeURIComponent);
    const shift = this.#buckets.get(bucket);
    if (shift === undefined || answer.status >= 300) return answer;
    const key = rest.join('/');
    // The last request of an upload in parts is a POST.
    if (method === 'PUT' || method === 'POST') this.#objects.set(`${bucket}/${key}`, shift);
    if (method !== 'GET' && method !== 'HEAD') return answer;
    return key === '' ? this.#listing(bucket, answer) : this.#object(`${bucket}/${key}`, answer);
  }

  #object(name: string, answer: Answer): Answer {
    const { headers } = answer;
    const at = headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === 'last-modified');
    if (at < 0) return answer;
    const changed = headers.with(at + 1, this.#later(name, headers[at + 1] ?? '').toUTCString());
    return { ...answer, headers: changed };
  }

  #listing(bucket: string, answer: Answer): Answer {
    const text = answer.body.toString('utf8');
    const isEncoded = text.includes('<EncodingType>url</EncodingType>');
    const changed = text.replaceAll(
      /(<Key>)([^<]*)(<\/Key>\s*<LastModified>)([^<]*)/g,
      (_, open: string, key: string, between: string, date: string) => {
        const name = isEncoded ? decodeURIComponent(key) : key;
        return `${open}${key}${between}${this.#later(`${bucket}/${name}`, date).toISOString()}`;
      },
    );
    return { ...answer, body: Buffer.from(changed) };
  }

  #later(name: string, date: string): Date {
    return new Date(Date.parse(date) + (this.#objects.get(name) ?? 0));
  }
}
