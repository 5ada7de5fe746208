/** Chunker and listing, held against what they promise for any input. */

import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { type BytePath, comparePaths, pathFromText } from '../../../contract/byte-path.ts';
import { parseObjectKey } from '../../../contract/keys.ts';
import { decodePath, type ListingChunk } from '../../../contract/run-index.ts';
import { ChunkTable } from '../../../host-agent/engine/chunk-table.ts';
import {
  AVERAGE_CHUNK,
  Chunker,
  MAX_CHUNK,
  MIN_CHUNK,
  SEGMENT,
  WindowChunker,
} from '../../../host-agent/engine/chunker.ts';
import { ContentStore } from '../../../host-agent/engine/content-store.ts';
import { digestOf } from '../../../host-agent/engine/dedup.ts';
import { FileContentReader } from '../../../host-agent/engine/file-content.ts';
import { type FinishedListing, ListingWriter } from '../../../host-agent/engine/listing.ts';
import { PartUploads } from '../../../host-agent/engine/part-uploads.ts';
import { type SealedPart, Sealer } from '../../../host-agent/engine/parts.ts';
import { Uploads } from '../../../host-agent/engine/uploads.ts';
import { OpenFile, openRegularFile } from '../../../host-agent/source/read-file.ts';
import { openPart } from '../../../pgp/part-reader.ts';
import { PartWriter } from '../../../pgp/part-writer.ts';
import { newSessionKey, sessionKeyPackets } from '../../../pgp/session-key.ts';
import { decompressFrame } from '../../../repository/objects.ts';
import { MemoryStore } from '../../../store/memory.ts';
import { operatorKey } from '../../helpers/agent-host.ts';
import { noise } from '../../helpers/agent-random.ts';

const SEED = Buffer.alloc(32, 'seed');
const NOISE = noise('engine', 9 * 2 ** 20);

/** The ends of all chunks. */
function cutsOf(bytes: Uint8Array, chunker = new Chunker(SEED)): number[] {
  const cuts: number[] = [];
  for (let start = 0; start < bytes.length; ) {
    start += chunker.cut(bytes, start, bytes.length);
    cuts.push(start);
  }
  return cuts;
}

/** Content of any kind: noise, runs of one byte, and pieces of both. */
const content = fc
  .array(
    fc.record({
      at: fc.nat(6 * 2 ** 20),
      length: fc.oneof(fc.nat(1000), fc.nat(3 * 2 ** 20)),
      isNoise: fc.boolean(),
      byte: fc.nat(255),
    }),
    { maxLength: 5 },
  )
  .map((pieces) =>
    Buffer.concat(
      pieces.map(({ at, length, isNoise, byte }) =>
        isNoise ? NOISE.subarray(at, at + length) : Buffer.alloc(length, byte),
      ),
    ),
  );

describe('chunker', () => {
  it('cuts between bounds, everything, and the same content in the same way', () => {
    fc.assert(
      fc.property(content, (bytes) => {
        const cuts = cutsOf(bytes);
        assert.equal(cuts.at(-1) ?? 0, bytes.length);
        cuts.forEach((end, i) => {
          const length = end - (cuts[i - 1] ?? 0);
          assert.ok(length > 0 && length <= MAX_CHUNK);
          if (i < cuts.length - 1) assert.ok(length >= MIN_CHUNK);
        });
        assert.deepEqual(cutsOf(Buffer.from(bytes)), cuts);
      }),
      { numRuns: 20 },
    );
  });

  it('cuts in WebAssembly as in JavaScript, at every alignment', () => {
    const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(content, seeds, fc.nat(40), (bytes, seed, skipped) => {
        const inWindow = new WindowChunker(seed, Math.max(MAX_CHUNK, bytes.length));
        inWindow.window.set(bytes);
        const plain = new Chunker(seed);
        for (let start = Math.min(skipped, bytes.length); start < bytes.length; ) {
          const length = plain.cut(bytes, start, bytes.length);
          assert.equal(inWindow.cut(start, bytes.length), length, `at ${start} of ${bytes.length}`);
          start += length;
        }
      }),
      { numRuns: 20 },
    );
  });

  it('looks no further than a chunk: what is behind does not matter', () => {
    fc.assert(
      fc.property(content, content, (bytes, more) => {
        const whole = Buffer.concat([bytes, Buffer.alloc(MAX_CHUNK, 1), more]);
        const cuts = cutsOf(bytes);
        // All cuts but the last, which is the end.
        const inner = cuts.slice(0, -1);
        assert.deepEqual(cutsOf(whole).slice(0, inner.length), inner);
      }),
      { numRuns: 8 },
    );
  });

  it('has chunks of about a mebibyte', () => {
    const cuts = cutsOf(NOISE);
    const average = NOISE.length / cuts.length;
    assert.ok(average > AVERAGE_CHUNK / 2 && average < AVERAGE_CHUNK * 2, `${average}`);
  });

  it('cuts differently with another seed', () => {
    assert.notDeepEqual(cutsOf(NOISE), cutsOf(NOISE, new Chunker(Buffer.alloc(32, 'other'))));
  });

  it('an insertion, a deletion or a change moves only cuts nearby', () => {
    const before = cutsOf(NOISE);
    for (const at of [0, 700_000, 3_000_001]) {
      for (const [inserted, removed] of [
        [1, 0],
        [0, 1],
        [100, 100],
        [5000, 17],
        [0, 300_000],
      ] as const) {
        const changed = Buffer.concat([
          NOISE.subarray(0, at),
          noise(`inserted ${at}`, inserted),
          NOISE.subarray(at + removed),
        ]);
        const after = cutsOf(changed);
        const shift = inserted - removed;
        const isEarlier = (cut: number) => cut <= at;
        assert.deepEqual(after.filter(isEarlier), before.filter(isEarlier), 'cuts before it stay');
        const far = at + 5 * 2 ** 20;
        const later = before.filter((cut) => cut > far).map((cut) => cut + shift);
        assert.ok(later.length > 0);
        assert.deepEqual(
          after.filter((cut) => cut > far + shift),
          later,
          `at ${at}, ${inserted} for ${removed}`,
        );
      }
    }
  });
});

describe('a file', () => {
  function withFile<T>(pieces: readonly (Buffer | number)[], work: (file: OpenFile) => T): T {
    const folder = mkdtempSync(join(tmpdir(), 'agent-engine-'));
    const path = join(folder, 'file');
    const descriptor = openSync(path, 'w');
    let at = 0;
    for (const piece of pieces) {
      if (typeof piece === 'number') at += piece;
      else at += writeSync(descriptor, piece, 0, piece.length, at);
    }
    closeSync(descriptor);
    const file = openRegularFile(path);
    assert.ok(file instanceof OpenFile);
    try {
      return work(file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  it('longer than a segment is cut at each multiple of it, and gives the content back', () => {
    const pieces = [0, 1, 2, 3].map((i) => noise(`segment ${i}`, 16 * 2 ** 20));
    const rest = noise('rest', 2_500_000);
    const chunks: { length: number; digest: string }[] = [];
    const sink = {
      put: (chunk: Uint8Array) => chunks.push({ length: chunk.length, digest: digestOf(chunk) }) - 1,
    };
    const reader = new FileContentReader(SEED, sink);
    withFile([...pieces, rest], (file) => {
      const stored = reader.read(file);
      file.close();
      assert.equal(stored.end, SEGMENT + rest.length);
      assert.deepEqual(stored.chunks, [...chunks.keys()]);
      const ends = chunks.map((_, i) => chunks.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0));
      assert.ok(ends.includes(SEGMENT));
      const whole = Buffer.concat([...pieces, rest]);
      chunks.forEach(({ length, digest }, i) => {
        const end = ends[i] ?? 0;
        assert.equal(digestOf(whole.subarray(end - length, end)), digest);
      });
    });
  });
});

type Line = { path: BytePath; lines: string };
type Listed = FinishedListing & { readonly newBytes: number; readonly entries: readonly Line[] };

/**
 * A meta store of its own, of a run that stands at `source`. `asItWas`: entries that are the base's are handed over as
 * the base's, and no lines of them.
 */
async function listingOf(
  store: MemoryStore,
  source: number,
  base: Listed | null,
  entries: readonly Line[],
  asItWas = false,
): Promise<Listed> {
  const key = newSessionKey(Buffer.alloc(32, 7));
  const sealer = new Sealer(new PartWriter(key, await packets), key, { verifyAll: false });
  const uploads = new Uploads(2);
  let number = 0;
  const journal = { firstNumber: 0, used: async () => undefined, stored: () => undefined };
  const run = `2026050${source + 1}T000000Z-0123456789ab`;
  const place = { prefix: 'h', set: 's', chain: '20260501T000000Z-0123456789ab', run };
  const table = new ChunkTable();
  const meta = new PartUploads('meta', { store, uploads, journal, place, attempt: 1 }, table);
  const ports = {
    sealer,
    drawNumber: () => number++,
    partSizeOf: () => 2 ** 20,
    takeMemory: () => null,
    onSealed: (part: SealedPart) => meta.start(part),
  };
  const content = new ContentStore(table, ports, { level: 1, source, verifyAll: true });
  const linesOf = (from: number, to: number) =>
    Buffer.from(
      (base?.entries ?? [])
        .slice(from, to)
        .map(({ lines }) => lines)
        .join(''),
    );
  const writer = new ListingWriter(content, table, base === null ? null : { ...base, lines: linesOf });
  for (const { path, lines } of entries) {
    const index = asItWas ? (base?.entries.findIndex((one) => one.path === path && one.lines === lines) ?? -1) : -1;
    const unused = { size: 0n, mtimeNs: 0n, ctimeNs: 0n, inode: 0n, settled: true };
    if (index >= 0) writer.reuse({ ...unused, path, index, lines: Buffer.from(lines) });
    else writer.add(path, Buffer.from(lines));
  }
  const finished = writer.finish();
  content.flush();
  await uploads.settled();
  for (const [objectKey] of meta.objects) {
    const at = parseObjectKey(objectKey);
    if (at?.kind === 'meta') parts.set(`${source} ${at.number}`, objectKey);
  }
  return { ...finished, newBytes: content.takeNewBytes(), entries };
}

const packets = sessionKeyPackets(newSessionKey(Buffer.alloc(32, 7)), [operatorKey().publicKey]);
/** Object keys by source and part number. */
const parts = new Map<string, string>();

async function readBack(store: MemoryStore, chunks: readonly ListingChunk[]): Promise<string[]> {
  const texts: string[] = [];
  for (const [[source, part, frameOffset, frameLength, offset, length], digest] of chunks) {
    const { body } = await store.get(parts.get(`${source} ${part}`) ?? '');
    const frames = openPart(body, newSessionKey(Buffer.alloc(32, 7)));
    const frame = decompressFrame(frames.subarray(frameOffset, frameOffset + frameLength), 'frame');
    const bytes = frame.subarray(offset, offset + length);
    assert.equal(digestOf(bytes), digest);
    texts.push(bytes.toString());
  }
  return texts;
}

const entriesOf = (sizes: readonly number[]) =>
  sizes
    .map((size, i) => ({
      path: pathFromText(`f${String(i).padStart(6, '0')}`),
      // Some entries go on in a second line.
      lines: `${noise(`line ${i} ${size}`, size).toString('hex')}\n${size % 7 === 0 ? '{"more":[]}\n' : ''}`,
    }))
    .sort((one, other) => comparePaths(one.path, other.path));

describe('listing', () => {
  it('cut and stored, it is read back as it was; changed in places, it stores what is near them', async () => {
    const sizes = fc.array(fc.oneof(fc.nat(400), fc.nat(400), fc.constant(40_000)), { minLength: 1, maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.array(fc.nat(399), { maxLength: 3 }), async (before, changes) => {
        parts.clear();
        const store = new MemoryStore();
        const entries = entriesOf(before);
        const full = await listingOf(store, 0, null, entries);
        assert.equal((await readBack(store, full.chunks)).join(''), entries.map(({ lines }) => lines).join(''));
        const first = (chunk: ListingChunk) => decodePath(chunk[2]);
        full.chunks.forEach((chunk, i) => {
          const next = full.chunks[i + 1];
          const begun = entries.filter(
            ({ path }) =>
              comparePaths(path, first(chunk)) >= 0 && (next === undefined || comparePaths(path, first(next)) < 0),
          );
          assert.ok(chunk[3] <= begun.length && chunk[3] >= begun.length - 1);
        });
        assert.equal(
          full.chunks.reduce((sum, chunk) => sum + chunk[3], 0),
          entries.length,
        );

        for (const asItWas of [false, true]) {
          const same = await listingOf(store, 1, full, entries, asItWas);
          assert.deepEqual([same.chunks, same.begins], [full.chunks, full.begins], 'the same again costs nothing');
          assert.equal(same.newBytes, 0);
        }

        const after = before.map((size, i) => (changes.includes(i) ? (size % 400) + 1 : size));
        const changed = entriesOf(after);
        const bytesOf = async (listed: Listed) => (await readBack(store, listed.chunks)).join('');
        for (const asItWas of [false, true]) {
          const next = await listingOf(store, 1, full, changed, asItWas);
          assert.equal(await bytesOf(next), changed.map(({ lines }) => lines).join(''));
          assert.ok(next.newBytes <= changes.length * 3 * 90_000);
          assert.equal(
            next.chunks.reduce((sum, chunk) => sum + chunk[3], 0),
            changed.length,
          );
          // Some entries less at the beginning and in the middle, and one more at the end.
          const others = changed.filter((_, i) => i > 1 && i % 37 !== 0);
          const more = { path: pathFromText('z'), lines: 'one more\n' };
          const third = await listingOf(store, 2, next, [...others, more], asItWas);
          assert.equal(await bytesOf(third), [...others, more].map(({ lines }) => lines).join(''));
          const fourth = await listingOf(store, 3, third, entries, asItWas);
          assert.equal(await bytesOf(fourth), entries.map(({ lines }) => lines).join(''));
        }
      }),
      { numRuns: 30 },
    );
  });
});
