/** The index: the small encrypted root of a run. It leads to the listing and holds what must not lie in the open. */

import * as z from 'zod';
import { type BytePath, pathFromBytes, pathFromText, pathToBytes, pathToText } from './byte-path.ts';
import { BASE64_OF_32, type DocumentOf, documentKind, field } from './document.ts';
import { manifestKind } from './manifest.ts';

const pathField = z.union([
  z.string().refine((text) => text.isWellFormed(), 'half a surrogate pair'),
  z.strictObject({ path64: field.base64 }),
]);

/** A path in a document: text, or `{"path64": base64}` where it is not UTF-8. */
export function encodePath(path: BytePath): z.infer<typeof pathField> {
  return pathToText(path) ?? { path64: pathToBytes(path).toString('base64') };
}

export function decodePath(value: z.infer<typeof pathField>): BytePath {
  return typeof value === 'string' ? pathFromText(value) : pathFromBytes(Buffer.from(value.path64, 'base64'));
}

/** A chunk of the listing: where it lies, its SHA-256 (base64), its first entry's path, how many entries begin in it. */
export type ListingChunk = [
  /** Numbers of source and part (a meta part), offset and length of the frame, and those in the frame's content. */
  location: [source: number, part: number, frameOffset: number, frameLength: number, offset: number, length: number],
  digest: string,
  first: z.infer<typeof pathField>,
  entries: number,
];

const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;

/** By hand: an index holds thousands of chunks, and with a schema of tuples they took longer to check than to read. */
function isListingChunk(value: unknown): value is ListingChunk {
  if (!Array.isArray(value) || value.length !== 4) return false;
  const [location, digest, first, entries] = value as unknown[];
  const isLocation = Array.isArray(location) && location.length === 6 && location.every(isCount);
  const isPath = typeof first === 'string' ? first.isWellFormed() : pathField.safeParse(first).success;
  return isLocation && typeof digest === 'string' && BASE64_OF_32.test(digest) && isPath && isCount(entries);
}

const { sources, counts } = manifestKind.shape;

export const indexKind = documentKind('index', {
  maxBytes: 256 * 1024 * 1024,
  shape: {
    run: field.run,
    chain: field.run,
    sources,
    /** Seed of the set's chunker, base64, 32 bytes. */
    seed: field.base64Of32,
    listing: z.array(z.custom<ListingChunk>(isListingChunk, 'not a chunk of a listing')),
    counts,
    scripts: z.array(
      z.object({ name: z.string(), exitCode: z.int().nullable(), seconds: field.count, output: z.string() }),
    ),
    gates: z.array(
      z.object({ gate: z.string(), about: z.string(), expected: field.count, found: field.count, ok: z.boolean() }),
    ),
    warnings: z.array(z.object({ code: z.string(), path: pathField, detail: z.string() })),
    /** Warnings beyond the ten thousand that are listed. */
    moreWarnings: field.count,
  },
});

export type RunIndex = DocumentOf<typeof indexKind>;
