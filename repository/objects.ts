/** Fetching what a believed manifest names: nothing of an object is looked at before size and SHA-256 hold. */

import { zstdDecompressSync } from 'node:zlib';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { sha256Hex } from '../contract/ids.ts';
import type { ObjectLine } from '../contract/manifest.ts';
import type { ObjectStore } from '../store/port.ts';

/** Frames hold one chunk of 4 MiB at most, small chunks up to 256 KiB, or listing chunks of a few lines. */
export const MAX_FRAME_CONTENT = 64 * 2 ** 20;

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

function damaged(key: string, why: string, cause?: unknown): OffsiteError {
  return new OffsiteError('object-damaged', `${key} is damaged: ${why}`, { cause });
}

/** The content of one zstd frame, or of several back to back. Throws `part-damaged` naming `what`. */
export function decompressFrame(frame: Uint8Array, what: string, maxLength: number = MAX_FRAME_CONTENT): Buffer {
  try {
    return zstdDecompressSync(frame, { maxOutputLength: maxLength });
  } catch (cause) {
    throw new OffsiteError('part-damaged', `a frame of ${what} cannot be decompressed`, { cause });
  }
}
