import { randomBytes } from 'node:crypto';

/** `count` bytes from the operating system's generator. The only source of randomness. */
export function secureRandom(count: number): Buffer {
  return randomBytes(count);
}

/** A number in [0, 1), for jitter only. */
export function jitter(): number {
  return randomBytes(4).readUInt32LE() / 2 ** 32;
}
