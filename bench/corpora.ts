/**
 * What is backed up: made anew from a seed, the same bytes on every machine, or a copy of a real directory.
 *
 * - `tree`: 47,000 small files in 7,000 directories, as below /usr/share: text of words for the most part, some that no
 *   longer compresses, some twice.
 * - `big`: 1 GiB that does not compress and 1 GiB of an SQL dump.
 * - `dump-N`: one SQL dump of N GiB.
 */

import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './measure.ts';

export interface Size {
  readonly files: number;
  /** Of each of the two big files. */
  readonly bigBytes: number;
}

const FULL_SIZE: Size = { files: 47_000, bigBytes: 1 << 30 };
const PIECE = 1 << 20;

/** Whether it is one of those; else it is a directory. */
export function isBuiltIn(corpus: string): boolean {
  return corpus === 'tree' || corpus === 'big' || gigabytesOf(corpus) > 0;
}

const gigabytesOf = (corpus: string): number => Number(/^dump-(\d+)$/.exec(corpus)?.[1] ?? 0);

/** Makes the corpus in `folder`, unless it is there from an earlier call. */
export function makeCorpus(corpus: string, folder: string, size: Size = FULL_SIZE): string {
  const source = join(folder, 'source');
  const done = join(folder, 'done');
  if (existsSync(done)) return source;
  mkdirSync(folder, { recursive: true });
  if (corpus === 'tree') makeTree(source, size.files);
  else if (corpus === 'big') makeBig(source, size.bigBytes);
  else if (isBuiltIn(corpus)) makeDump(source, gigabytesOf(corpus) * 2 ** 30, new Stream(corpus));
  else run({ words: ['cp', '-a', corpus, source] });
  // A backup may look again at what changed in the second before it: nobody's first one shall be in that second.
  run({ words: ['sleep', '3'] });
  writeFileSync(done, '');
  return source;
}

/** Bytes that nobody can compress and everybody can make again. */
export class Stream {
  readonly #cipher;

  constructor(seed: string) {
    const key = createHash('sha256').update(seed).digest();
    this.#cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  }

  bytes(count: number): Buffer {
    return this.#cipher.update(Buffer.alloc(count));
  }

  /** 0 <= n < below. */
  below(limit: number): number {
    return this.bytes(4).readUInt32LE() % limit;
  }
}

function makeTree(source: string, files: number): void {
  const stream = new Stream('tree');
  const words = vocabulary(stream);
  const directories = Math.ceil(files / 6.7);
  const folders: string[] = [];
  for (let i = 0; i < directories; i++) {
    const parent = i < 40 ? source : (folders[stream.below(Math.min(folders.length, 1 + i / 4))] ?? source);
    const folder = join(parent, `${words[stream.below(words.length)]}-${i}`);
    mkdirSync(folder, { recursive: true });
    folders.push(folder);
  }
  let earlier: Buffer = Buffer.alloc(0);
  for (let i = 0; i < files; i++) {
    // Sizes from a few bytes to a few megabytes, half of them below 3 KiB, 12 KiB in the mean.
    const size = Math.min(
      4 << 20,
      Math.floor(2 ** (6 + stream.below(1000) / 100) * (stream.below(400) === 0 ? 60 : 1)),
    );
    const kind = stream.below(20);
    const content = kind === 0 ? earlier : kind < 3 ? stream.bytes(size) : text(stream, words, size);
    earlier = content;
    writeFileSync(join(folders[stream.below(folders.length)] ?? source, `${words[i % words.length]}.${i}`), content);
  }
}

function vocabulary(stream: Stream): string[] {
  return Array.from({ length: 4096 }, () => {
    const letters = stream.bytes(3 + stream.below(8));
    return String.fromCharCode(...letters.map((byte) => 97 + (byte % 26)));
  });
}

function text(stream: Stream, words: readonly string[], size: number): Buffer {
  const chosen = stream.bytes(Math.ceil(size / 5) * 2 + 2);
  const pieces: string[] = [];
  for (let i = 0, length = 0; length < size; i += 2) {
    // Small numbers are likelier, as frequent words are.
    const [one = 0, other = 0] = chosen.subarray(i % (chosen.length - 1));
    const word = words[(one * one * (other & 15)) % words.length] ?? '';
    pieces.push(word);
    length += word.length + 1;
  }
  return Buffer.from(pieces.join(' ').slice(0, size));
}

function makeBig(source: string, bytes: number): void {
  mkdirSync(source, { recursive: true });
  const stream = new Stream('big');
  writeInPieces(join(source, 'incompressible.bin'), bytes, () => stream.bytes(PIECE));
  makeDump(source, bytes, stream);
}

function makeDump(source: string, bytes: number, stream: Stream): void {
  mkdirSync(source, { recursive: true });
  const words = vocabulary(stream);
  let id = 0;
  writeInPieces(join(source, 'dump.sql'), bytes, () => {
    const rows: string[] = [];
    for (let length = 0; length < PIECE; ) {
      const random = stream.bytes(28);
      const name = words[random.readUInt16LE(0) % words.length] ?? '';
      const city = words[random.readUInt8(2)] ?? '';
      const row = `INSERT INTO orders VALUES (${++id},'${name}@example.org','${city}','${random.toString('hex', 4, 20)}',${random.readUInt32LE(20) % 1_000_000},'2026-0${1 + (random.readUInt8(24) % 9)}-1${random.readUInt8(25) % 10} 12:00:00',NULL);\n`;
      rows.push(row);
      length += row.length;
    }
    return Buffer.from(rows.join('')).subarray(0, PIECE);
  });
}

function writeInPieces(file: string, bytes: number, piece: () => Buffer): void {
  const descriptor = openSync(file, 'w');
  for (let written = 0; written < bytes; written += PIECE)
    writeSync(descriptor, piece().subarray(0, Math.min(PIECE, bytes - written)));
  closeSync(descriptor);
}
