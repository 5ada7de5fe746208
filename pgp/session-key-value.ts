/**
 * The session key itself. This file, part-writer.ts and part-reader.ts do without the OpenPGP library, which takes a
 * worker a good while to load.
 */

import { inspect } from 'node:util';
import { OffsiteError } from '../contract/errors.ts';
import { KEY_BYTES } from './packets.ts';

/** AES-256 (RFC 9580, 9.3) in OpenPGP's numbering. */
const AES_256 = 9;

/** 32 bytes for AES-256. They show in no log, no JSON and no inspection. */
export class SessionKey {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    if (bytes.length !== KEY_BYTES) throw new RangeError(`a session key has ${KEY_BYTES} bytes, not ${bytes.length}`);
    this.#bytes = Buffer.from(bytes);
  }

  /** The key itself, for a cipher. Not to be changed. */
  reveal(): Buffer {
    return this.#bytes;
  }

  toJSON(): string {
    return '[session key]';
  }

  [inspect.custom](): string {
    return '[session key]';
  }
}

/** A session key of these 32 random bytes. Throws RangeError for any other number of them. */
export function newSessionKey(random32: Uint8Array): SessionKey {
  return new SessionKey(random32);
}

/** `9:HEX`, 64 uppercase hex digits: what `gpg --override-session-key` takes. */
export function formatSessionKey(key: SessionKey): string {
  return `${AES_256}:${key.reveal().toString('hex').toUpperCase()}`;
}

/** The inverse of formatSessionKey and nothing else. Throws `part-damaged`, without the text in the message. */
export function parseSessionKey(text: string): SessionKey {
  const hex = /^9:([0-9A-F]{64})$/.exec(text)?.[1];
  if (hex === undefined) {
    throw new OffsiteError('part-damaged', 'a key object holds no session key of the form 9:HEX');
  }
  return new SessionKey(Buffer.from(hex, 'hex'));
}
