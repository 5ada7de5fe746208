/**
 * How this project uses the OpenPGP library: settings that are handed to every call (the library's global settings are
 * never touched), and the two ways in which time is kept out of every decision.
 */

import * as openpgp from 'openpgp';

/** The library's settings for making and reading everything: what GnuPG 2.2 can use, and nothing newer. */
export const SETTINGS: openpgp.Config = {
  ...openpgp.config,
  v6Keys: false,
  aeadProtect: false,
  preferredSymmetricAlgorithm: openpgp.enums.symmetric.aes256,
  preferredHashAlgorithm: openpgp.enums.hash.sha512,
  preferredCompressionAlgorithm: openpgp.enums.compression.uncompressed,
  s2kType: openpgp.enums.s2k.iterated,
  showVersion: false,
  showComment: false,
  // The salt would make the same signature over the same bytes a different one each time.
  nonDeterministicSignaturesViaNotation: false,
};

/**
 * "Do not look at dates": keys are used and signatures checked as if no clock existed. The library takes null for this
 * everywhere; some of its type declarations leave null out.
 */
export const NO_DATE = null as unknown as Date;

/** The zero that stands where OpenPGP wants a date and the format wants none. */
export const EPOCH = new Date(0);

const LAST_SECOND = 2 ** 32 - 1;

/**
 * The latest of the dates as a time that OpenPGP can write: whole seconds in four octets (RFC 9580, 3.5). Clocks before
 * 1970 or after 2106 are brought to the nearest time there is; 0 itself is avoided, since GnuPG reads it as "no date".
 */
export function openpgpTime(...dates: Date[]): Date {
  const latest = Math.max(...dates.map((date) => Math.floor(date.getTime() / 1000)));
  return new Date(Math.min(Math.max(latest, 1), LAST_SECOND) * 1000);
}

/** Signs what the packet's properties and `data` say. The declaration of the library's method lacks the settings. */
export async function signWith(
  signature: openpgp.SignaturePacket,
  key: openpgp.AnySecretKeyPacket,
  data: object,
  options: { date: Date; detached: boolean },
): Promise<void> {
  type Sign = (
    key: openpgp.AnySecretKeyPacket,
    data: object,
    date: Date,
    detached: boolean,
    config: openpgp.Config,
  ) => Promise<void>;
  const sign = signature.sign as Sign;
  await sign.call(signature, key, data, options.date, options.detached, SETTINGS);
}

/** The same bytes as a Buffer, not copied. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What an unknown thrown value says, in one line. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n', 1)[0] ?? '';
}
