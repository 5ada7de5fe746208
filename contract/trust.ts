/** trust.json: which keys may sign for which prefix, signed by the operator. */

import * as z from 'zod';
import { type DocumentOf, documentKind, field } from './document.ts';
import { isFingerprint } from './ids.ts';

const fingerprint = z.string().refine(isFingerprint, 'not a fingerprint');

/** Open, like the hosts below: whoever writes the file anew keeps what a newer version put there. */
const trustedKey = z
  .object({
    fingerprint,
    /** The first ledger sequence that this key may sign. */
    from: field.sequence,
    /** The last one; null while it is in use. */
    until: field.sequence.nullable(),
  })
  .catchall(z.json());
export type TrustedKey = z.infer<typeof trustedKey>;

export const trustKind = documentKind('trust', {
  maxBytes: 16 * 1024 * 1024,
  shape: {
    /** Grows by one with each change. */
    serial: field.sequence,
    hosts: z.record(
      field.prefix,
      z.object({ name: field.host, keys: z.array(trustedKey).min(1).max(100) }).catchall(z.json()),
    ),
  },
});
export type Trust = DocumentOf<typeof trustKind>;

export const acceptanceKind = documentKind('accepted', {
  maxBytes: 64 * 1024,
  shape: {
    prefix: field.prefix,
    set: field.set,
    run: field.run,
    /** SHA-256 of the payload of the manifest that was looked at. */
    payload: field.sha256,
    because: z.string().min(1).max(1000),
    at: field.instant,
  },
});
/** The operator's word that a suspect run is good. */
export type Acceptance = DocumentOf<typeof acceptanceKind>;
