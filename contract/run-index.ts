/** The index: the small encrypted root of a run. It leads to the listing and holds what must not lie in the open. */

import * as z from 'zod';
import { type BytePath, pathFromBytes, pathFromText, pathToBytes, pathToText } from './byte-path.ts';
import { type DocumentOf, documentKind, field } from './document.ts';
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

const listingChunk = z.tuple([
  /** Source, part number (of a meta part), frame offset and length, offset and length in the frame's content. */
  z.tuple([field.count, field.count, field.count, field.count, field.count, field.count]),
  /** SHA-256 of the chunk, base64. */
  field.base64Of32,
  /** The first entry's path. */
  pathField,
  /** How many entries begin in the chunk. */
  field.count,
]);
export type ListingChunk = z.infer<typeof listingChunk>;

const { sources, counts } = manifestKind.shape;

export const indexKind = documentKind('index', {
  maxBytes: 256 * 1024 * 1024,
  shape: {
    run: field.run,
    chain: field.run,
    sources,
    /** Seed of the set's chunker, base64, 32 bytes. */
    seed: field.base64Of32,
    listing: z.array(listingChunk),
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
