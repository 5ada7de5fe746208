/** The content of one file, in order, each chunk verified before it is given out. */

import { hash } from 'node:crypto';
import { type BytePath, displayPath } from '../../contract/byte-path.ts';
import type { Entry, Location } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { decompressFrame } from '../../repository/objects.ts';
import type { RunReader } from '../../repository/run-reader.ts';
import { checkContent } from './content-check.ts';
import { eachStretch, holesOf } from './extents.ts';
import { plainPath } from './paths.ts';

const ZEROS = Buffer.alloc(64 * 1024);

type Write = (bytes: Uint8Array) => Promise<void>;

/**
 * Writes the content of one file, holes as zeros. Fetches only the parts that are needed, one at a time. Throws
 * `path-not-found` where there is no such file; `restore-incomplete` where the host could not read it, after the older
 * content if the run holds that; else what fetching and verifying throw. Nothing that does not verify is written.
 */
export async function catFile(reader: RunReader, path: BytePath, write: Write): Promise<void> {
  const name = displayPath(path);
  const wanted = plainPath(path);
  const entry = wanted === '' ? null : await reader.entry(wanted);
  if (entry === null) throw new OffsiteError('path-not-found', `not in run ${reader.signed.manifest.run}: ${name}`);
  if (entry.type !== 'file') throw new OffsiteError('path-not-found', `${name} is a ${entry.type}, not a file`);
  const { error } = entry;
  if (error !== undefined && entry.stale === undefined) {
    throw new OffsiteError('restore-incomplete', `${name}: the host could not read it (${error})`);
  }
  await writeContent(reader, entry, write);
  if (error !== undefined) {
    throw new OffsiteError('restore-incomplete', `${name} is of an older run: the host could not read it (${error})`);
  }
}

async function writeContent(reader: RunReader, entry: Entry, write: Write): Promise<void> {
  const content = checkContent(entry);
  if ('wrong' in content) throw new OffsiteError('listing-invalid', `${displayPath(entry.path)}: ${content.wrong}`);
  const chunks = new ChunkSource(reader);
  const holes = holesOf(content.extents, entry.size ?? 0);
  let hole = holes.next();
  const fillUpTo = async (offset: number) => {
    while (!hole.done && hole.value[0] < offset) {
      for (let left = hole.value[1]; left > 0; left -= ZEROS.length) await write(ZEROS.subarray(0, left));
      hole = holes.next();
    }
  };
  let position = 0;
  for (const at of entry.locations ?? []) {
    const bytes = await chunks.get(at, at.digest ?? entry.hash ?? '');
    const pieces: [offset: number, piece: Uint8Array][] = [];
    eachStretch(content.extents, position, at.length, (from, offset, length) => {
      pieces.push([offset, bytes.subarray(from, from + length)]);
    });
    for (const [offset, piece] of pieces) {
      await fillUpTo(offset);
      await write(piece);
    }
    position += at.length;
  }
  await fillUpTo(Number.POSITIVE_INFINITY);
}

/** Verified chunks, with the last part and the last frame kept at hand. */
class ChunkSource {
  readonly #reader: RunReader;
  #part: { source: number; number: number; content: Buffer } | undefined;
  #frame: { offset: number; length: number; content: Buffer } | undefined;

  constructor(reader: RunReader) {
    this.#reader = reader;
  }

  async get(at: Location, digest: string): Promise<Buffer> {
    const frame = await this.#openFrame(at);
    const bytes = frame.subarray(at.offset, at.offset + at.length);
    if (bytes.length === at.length && hash('sha256', bytes, 'base64') === digest) return bytes;
    const what = `a chunk in data part ${at.part} of source ${at.source}`;
    throw new OffsiteError('content-damaged', `${what} has not the hash that the listing says`);
  }

  async #openFrame({ source, part, frameOffset: offset, frameLength: length }: Location): Promise<Buffer> {
    if (this.#part?.source !== source || this.#part.number !== part) {
      this.#part = undefined;
      this.#frame = undefined;
      this.#part = { source, number: part, content: await this.#reader.openDataPart(source, part) };
    }
    if (this.#frame?.offset !== offset || this.#frame.length !== length) {
      const frame = this.#part.content.subarray(offset, offset + length);
      this.#frame = { offset, length, content: decompressFrame(frame, `data part ${part} of source ${source}`) };
    }
    return this.#frame.content;
  }
}
