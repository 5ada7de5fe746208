/** Frames: whatever they say of their own length, what comes out is their content, and no more than is allowed. */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';
import { decompressFrame, MAX_FRAME_CONTENT } from '../../repository/objects.ts';

const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag, ZSTD_c_compressionLevel } = constants;

/** Around every length at which the header has another form. */
const LENGTHS = [0, 1, 2, 255, 256, 257, 1023, 1024, 65_535, 65_536, 65_791, 65_792, 300_000, 4 * 2 ** 20 + 1];

test('content of every length comes out, whether or not the frame says how long it is', () => {
  const noise = randomBytes(LENGTHS.at(-1) ?? 0);
  for (const length of LENGTHS) {
    for (const content of [noise.subarray(0, length), Buffer.alloc(length, 'abc')]) {
      for (const [size, checksum] of [
        [1, 1],
        [1, 0],
        [0, 1],
        [0, 0],
      ] as const) {
        const params = {
          [ZSTD_c_contentSizeFlag]: size,
          [ZSTD_c_checksumFlag]: checksum,
          [ZSTD_c_compressionLevel]: 1,
        };
        const frame = zstdCompressSync(content, { params, pledgedSrcSize: length });
        assert.ok(decompressFrame(frame, 'x').equals(content), `${length} bytes, ${size}, ${checksum}`);
        assert.ok(decompressFrame(Buffer.concat([Buffer.of(1, 2, 3), frame]).subarray(3), 'x').equals(content));
        assert.ok(decompressFrame(frame, 'x', { maxLength: Math.max(1, length) }).equals(content));
      }
    }
  }
});

test('a frame of a stream, whose length nobody knew', async () => {
  const content = randomBytes(1_000_000);
  const stream = createZstdCompress();
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  for (let i = 0; i < content.length; i += 10_000) stream.write(content.subarray(i, i + 10_000));
  await new Promise<void>((resolve) => stream.end(resolve).on('end', resolve));
  assert.ok(decompressFrame(Buffer.concat(pieces), 'x').equals(content));
});

test('what follows a frame is not looked at', () => {
  const content = randomBytes(100_000);
  const frame = zstdCompressSync(content);
  for (const behind of [Buffer.of(0), frame, randomBytes(1000)]) {
    assert.ok(decompressFrame(Buffer.concat([frame, behind]), 'x').equals(content));
  }
});

test('more than is allowed, a frame cut short, one that lies about its length, and no frame at all are damage', () => {
  const damage = { code: 'part-damaged', message: 'a frame of x cannot be decompressed' };
  const frame = zstdCompressSync(Buffer.alloc(100_000, 'abc'));
  assert.throws(() => decompressFrame(frame, 'x', { maxLength: 99_999 }), damage);
  const bomb = zstdCompressSync(Buffer.alloc(MAX_FRAME_CONTENT + 1));
  assert.throws(() => decompressFrame(bomb, 'x'), damage);
  for (let length = 1; length < frame.length; length++) {
    assert.throws(() => decompressFrame(frame.subarray(0, length), 'x'), damage, `${length} bytes`);
  }
  for (const said of [0, 99_999, 100_001, 2 ** 32 - 1]) {
    // A header of a single segment with a length of four bytes stands in for the one there.
    const lying = Buffer.from(frame);
    assert.equal((lying[4] ?? 0) & 0xe0, 0xa0);
    lying.writeUInt32LE(said, 5);
    assert.throws(() => decompressFrame(lying, 'x'), damage, `it says ${said}`);
  }
  for (let length = 1; length < 30; length++) assert.throws(() => decompressFrame(randomBytes(length), 'x'), damage);
});
