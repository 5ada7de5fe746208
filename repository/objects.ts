/** Fetching what a believed manifest names: nothing of an object is looked at before size and SHA-256 hold. */

import { zstdDecompressSync } from 'node:zlib';
import { type ErrorCode, isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { sha256Hex } from '../contract/ids.ts';
import type { ObjectLine } from '../contract/manifest.ts';
import type { ObjectStore } from '../store/port.ts';

/** Frames hold one chunk of 4 MiB at most, small chunks up to 256 KiB, or listing chunks of a few lines. */
export const MAX_FRAME_CONTENT = 64 * 2 ** 20;

const ZSTD_MAGIC = 0xfd2fb528;
/** The library takes no less. */
const MIN_ROOM = 1024;

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
  const body = await fetchUnhashed(store, line);
  const [key, , sha256] = line;
  assertHash(key, sha256, body);
  return body;
}

/**
 * The bytes as the store has them, of the right size; else like fetchObject. Before anything else is done with them they
 * must go through assertHash. They lie in `memory`, where that is given and the store can put them there.
 */
export async function fetchUnhashed(store: ObjectStore, line: ObjectLine, memory?: Uint8Array): Promise<Buffer> {
  const [key, size] = line;
  const { body } = await store.get(key, { maxBytes: size, memory }).catch((error: unknown) => {
    if (isOffsiteError(error, 'document-too-large')) throw damaged(key, `it has more than ${size} bytes`, error);
    throw error;
  });
  if (body.length !== size) throw damaged(key, `it has ${body.length} bytes, not ${size}`);
  return body;
}

/** Throws `object-damaged` where an object's bytes have not the SHA-256 (hex) that the manifest names. */
export function assertHash(key: string, sha256: string, bytes: Uint8Array): void {
  if (sha256Hex(bytes) !== sha256) throw damaged(key, 'its SHA-256 is not the one in the manifest');
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

/** What a zstd frame says of the length of its content (RFC 8878, 3.1.1.1); null where it does not. Not to be relied on. */
function frameContentSize(frame: Uint8Array): number | null {
  if (frame.length < 18) return null;
  const view = new DataView(frame.buffer, frame.byteOffset, 18);
  if (view.getUint32(0, true) !== ZSTD_MAGIC) return null;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  // A window descriptor, unless it is a single segment, and the dictionary's number stand before it.
  const at = 5 + (isSingleSegment ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0);
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? view.getUint8(at) : null;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

function damaged(key: string, why: string, cause?: unknown): OffsiteError {
  return new OffsiteError('object-damaged', `${key} is damaged: ${why}`, { cause });
}

/**
 * The content of one zstd frame, in memory of its own unless it is small; what follows the frame is not looked at.
 * Throws `part-damaged` naming `what`, also where there is more than `maxLength`.
 */
export function decompressFrame(
  frame: Uint8Array,
  what: string,
  { maxLength = MAX_FRAME_CONTENT }: { maxLength?: number } = {},
): Buffer {
  const said = frameContentSize(frame);
  // All in one piece of memory, into which the library then decompresses without a window of its own. One byte more,
  // so that the end is seen without another piece.
  const room = said === null ? {} : { chunkSize: Math.max(MIN_ROOM, Math.min(said, maxLength) + 1) };
  try {
    return zstdDecompressSync(frame, { maxOutputLength: maxLength, ...room });
  } catch (cause) {
    throw new OffsiteError('part-damaged', `a frame of ${what} cannot be decompressed`, { cause });
  }
}
