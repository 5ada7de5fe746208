/** Fetching what a believed manifest names: nothing of an object is looked at before size and SHA-256 hold. */

import { zstdDecompressSync } from 'node:zlib';
import { type ErrorCode, isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { sha256Hex } from '../contract/ids.ts';
import type { ObjectLine } from '../contract/manifest.ts';
import type { ObjectStore } from '../store/port.ts';

/** Frames hold one chunk of 4 MiB at most, small chunks up to 256 KiB, or listing chunks of a few lines. */
export const MAX_FRAME_CONTENT = 64 * 2 ** 20;

/** What makes one object useless and says nothing about the others. */
const DAMAGE: readonly ErrorCode[] = [
  'store-absent',
  'store-cold',
  'store-denied',
  'object-damaged',
  'part-damaged',
  'content-damaged',
  'listing-invalid',
  'document-invalid',
  'document-too-large',
  'format-unknown',
  'manifest-invalid',
  'signature-invalid',
];

/** True where the error costs only what lies in the object it is about; false where the store itself fails. */
export function isDamage(error: unknown): error is OffsiteError {
  return isOffsiteError(error, ...DAMAGE);
}

/** The object's bytes. Throws `object-damaged` where they are not the ones the manifest names, `store-absent` where it is lost. */
export async function fetchObject(store: ObjectStore, line: ObjectLine): Promise<Buffer> {
  const [key, size, sha256] = line;
  const { body } = await store.get(key, { maxBytes: size }).catch((error: unknown) => {
    if (isOffsiteError(error, 'document-too-large')) throw damaged(key, `it has more than ${size} bytes`, error);
    throw error;
  });
  if (body.length !== size) throw damaged(key, `it has ${body.length} bytes, not ${size}`);
  if (sha256Hex(body) !== sha256) throw damaged(key, 'its SHA-256 is not the one in the manifest');
  return body;
}

/**
 * Holds what the store itself says of an object against the manifest, without reading it. False where size and presence
 * are right but the store knows no SHA-256, so that only reading could tell. Throws like fetchObject.
 */
export async function confirmObject(store: ObjectStore, line: ObjectLine): Promise<boolean> {
  const [key, size, sha256] = line;
  const info = await store.head(key);
  if (info.size !== size) throw damaged(key, `it has ${info.size} bytes, not ${size}`);
  if (info.sha256 === null) return false;
  if (info.sha256 !== sha256) throw damaged(key, 'its SHA-256 is not the one in the manifest');
  return true;
}

function damaged(key: string, why: string, cause?: unknown): OffsiteError {
  return new OffsiteError('object-damaged', `${key} is damaged: ${why}`, { cause });
}

/**
 * The content of one zstd frame, or of several back to back. `expected` is a guess at its length, which saves memory
 * where it is right. Throws `part-damaged` naming `what`, also where there is more than `maxLength`.
 */
export function decompressFrame(
  frame: Uint8Array,
  what: string,
  { maxLength = MAX_FRAME_CONTENT, expected }: { maxLength?: number; expected?: number } = {},
): Buffer {
  // One byte more than expected, so that the end is seen without another buffer.
  const chunkSize = expected === undefined ? undefined : Math.max(1024, Math.min(expected, maxLength) + 1);
  try {
    return zstdDecompressSync(frame, { maxOutputLength: maxLength, ...(chunkSize === undefined ? {} : { chunkSize }) });
  } catch (cause) {
    throw new OffsiteError('part-damaged', `a frame of ${what} cannot be decompressed`, { cause });
  }
}
