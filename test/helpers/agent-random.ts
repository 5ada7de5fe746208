/** Chance that can be had again: its seed stands in the message of a test that fails. */

import { createCipheriv, randomInt } from 'node:crypto';
import { environmentVariable } from '../../system/environment.ts';

/** Numbers in [0, 1), from $OFFSITE_TEST_SEED or a new seed. */
export function seededRandom(): { random: () => number; seed: number } {
  const seed = Number(environmentVariable('OFFSITE_TEST_SEED') ?? randomInt(2 ** 31));
  let state = seed;
  // Mulberry32.
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { random, seed };
}

/** Bytes that no compressor shortens, the same for the same name. */
export function noise(name: string, length: number): Buffer {
  const zeros = Buffer.alloc(length);
  return createCipheriv('aes-128-ctr', Buffer.alloc(16, name), Buffer.alloc(16)).update(zeros);
}
