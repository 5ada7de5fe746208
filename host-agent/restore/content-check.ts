/** Whether what a listing says of a file's content is consistent in itself, before anything is fetched for it. */

import { createHash } from 'node:crypto';
import type { Entry } from '../../contract/entry.ts';
import { MAX_FRAME_CONTENT } from '../../repository/objects.ts';
import type { Extents } from './extents.ts';

/** Offsets in a part's content stay below this. */
const MAX_OFFSET = 2 ** 32;

/**
 * The data extents of a file, or why the entry contradicts itself: extents that overlap or end behind the file,
 * locations that are too few or too many, digests that are missing or do not give the hash.
 */
export function checkContent(entry: Entry): { extents: Extents } | { wrong: string } {
  const { size, data, locations = [] } = entry;
  if (size === undefined) return { wrong: 'it has no size' };
  const extents: number[] = [];
  let bytes = data === undefined ? size : 0;
  let end = 0;
  for (const [offset, length] of data ?? []) {
    if (offset < end || length === 0 || offset + length > size) return { wrong: 'its data extents are not in order' };
    extents.push(bytes, offset, length);
    end = offset + length;
    bytes += length;
  }
  let located = 0;
  for (const at of locations) {
    const inPart = at.frameLength > 0 && at.frameOffset + at.frameLength <= MAX_OFFSET;
    if (!inPart || at.length === 0 || at.offset + at.length > MAX_FRAME_CONTENT) {
      return { wrong: 'a location in it is impossible' };
    }
    located += at.length;
  }
  if (located !== bytes) return { wrong: `its locations have ${located} bytes and not ${bytes}` };
  const wrong = checkDigests(entry);
  if (wrong !== null) return { wrong };
  return { extents: data === undefined ? null : extents };
}

function checkDigests({ hash, locations = [] }: Entry): string | null {
  const [only] = locations;
  if (only === undefined) return null;
  if (hash === undefined) return 'it has no hash';
  if (locations.length === 1) return only.digest === undefined || only.digest === hash ? null : 'it has two hashes';
  const whole = createHash('sha256');
  for (const { digest } of locations) {
    if (digest === undefined) return 'a location in it has no digest';
    whole.update(digest, 'base64');
  }
  return whole.digest('base64') === hash ? null : 'the digests of its chunks do not give its hash';
}
