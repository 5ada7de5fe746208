/**
 * The chunker's inner loop as a WebAssembly module, built here from its instructions: V8 runs it about four times as
 * fast as the same loop in JavaScript (chunker.ts, which the tests hold it against). A byte is one step:
 *
 *     hash = (hash << 1) + gear[byte];  at = at + 1;  if ((hash & mask) === 0) return at
 *
 * Numbers are those of the binary format: https://webassembly.github.io/spec/core/binary/
 */

const I32 = 0x7f;
const [BLOCK, LOOP, BR, BR_IF, RETURN, IF, END] = [0x02, 0x03, 0x0c, 0x0d, 0x0f, 0x04, 0x0b] as const;
const [GET, SET, CONST] = [0x20, 0x21, 0x41] as const;
const [LOAD, LOAD_BYTE, EQZ, LESS, NOT_LESS, ADD, SUB, AND, SHIFT_LEFT] = [
  0x28, 0x2d, 0x45, 0x49, 0x4f, 0x6a, 0x6b, 0x71, 0x74,
] as const;
const NO_RESULT = 0x40;

/** The function's parameters, and its locals. */
const [AT, WARM, NORMAL, LIMIT, HASH, ONE, GEAR] = [0, 1, 2, 3, 4, 5, 6] as const;
const LOCALS = 3;
/** Bytes a turn of the loop. */
const UNROLLED = 8;

/** LEB128 of a signed 32-bit number. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value | 0; ; ) {
    const byte = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0);
    bytes.push(isLast ? byte : byte | 0x80);
    if (isLast) return bytes;
  }
}

/** LEB128 of an unsigned number. */
function size(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...size(value >>> 7)];
}

const vector = (items: readonly (readonly number[])[]) => [...size(items.length), ...items.flat()];
const section = (id: number, body: readonly number[]) => [id, ...size(body.length), ...body];
const name = (text: string) => [...size(text.length), ...Buffer.from(text)];

/** gear[memory[at + ahead]]; the table lies at the beginning of memory. */
const gear = (ahead: number): number[] => [GET, AT, LOAD_BYTE, 0, ...size(ahead), CONST, 2, SHIFT_LEFT, LOAD, 2, 0];

/** hash = (hash << 1) + gear of the next byte. */
const mix = (ahead: number): number[] => [GET, HASH, CONST, 1, SHIFT_LEFT, ...gear(ahead), ADD, SET, HASH];

/**
 * Two bytes at once: one = (hash << 1) + gear, hash = (hash << 2) + ((gear << 1) + next gear). The second does not wait
 * for the first, which halves the chain of instructions that each need the result of the one before.
 */
const mixTwo = (ahead: number): number[] => [
  ...gear(ahead),
  ...[SET, GEAR, GET, HASH, CONST, 1, SHIFT_LEFT, GET, GEAR, ADD, SET, ONE],
  ...[GET, HASH, CONST, 2, SHIFT_LEFT, GET, GEAR, CONST, 1, SHIFT_LEFT, ...gear(ahead + 1), ADD, ADD, SET, HASH],
];

/** Returns at + ahead + 1 where `hash`, a local, has no bit of the mask. */
const stop = (ahead: number, hash: number, mask: number): number[] => [
  ...[GET, hash, CONST, ...leb(mask), AND, EQZ, IF, NO_RESULT],
  ...[GET, AT, CONST, ...leb(ahead + 1), ADD, RETURN, END],
];

const advance = (by: number): number[] => [GET, AT, CONST, ...leb(by), ADD, SET, AT];

/** Mixes bytes until `end`, stopping where `mask` says; no mask, no stop. */
function stretch(end: number, mask: number | null): number[] {
  const stopAt = (ahead: number, hash: number) => (mask === null ? [] : stop(ahead, hash, mask));
  const two = (ahead: number) => [...mixTwo(ahead), ...stopAt(ahead, ONE), ...stopAt(ahead + 1, HASH)];
  const steps = Array.from({ length: UNROLLED / 2 }, (_, i) => two(2 * i)).flat();
  return [
    // While a whole turn is left; `end` is never below `at`.
    ...[BLOCK, NO_RESULT, LOOP, NO_RESULT],
    ...[GET, end, GET, AT, SUB, CONST, UNROLLED, LESS, BR_IF, 1],
    ...[...steps, ...advance(UNROLLED), BR, 0, END, END],
    ...[BLOCK, NO_RESULT, LOOP, NO_RESULT],
    ...[GET, AT, GET, end, NOT_LESS, BR_IF, 1],
    ...[...mix(0), ...stopAt(0, HASH), ...advance(1), BR, 0, END, END],
  ];
}

/** What of WebAssembly is used here; Node's type declarations leave it out. */
declare const WebAssembly: {
  Memory: new (of: { initial: number }) => { readonly buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object, imports: object) => { readonly exports: { readonly cut: Cut } };
};

type Cut = (at: number, warm: number, normal: number, limit: number) => number;

/** Memory of so many pages of 64 KiB, and `cut` over it: see below. */
export function gearKernel(
  pages: number,
  masks: { before: number; behind: number },
): { memory: ArrayBuffer; cut: Cut } {
  const memory = new WebAssembly.Memory({ initial: pages });
  const module = new WebAssembly.Module(moduleBytes(masks.before, masks.behind));
  const { cut } = new WebAssembly.Instance(module, { host: { memory } }).exports;
  return { memory: memory.buffer, cut };
}

/**
 * The module: it imports `host.memory` with the 256 numbers of the gear table at its beginning, and exports
 * `cut(at, warm, normal, limit)`. From address `at` to `warm` it only mixes, to `normal` it stops by one mask, to `limit` by
 * the other. It returns the address behind the byte where it stopped, or `limit`.
 */
function moduleBytes(maskBeforeNormal: number, maskBehindNormal: number): Uint8Array {
  const parameters = vector([[I32], [I32], [I32], [I32]]);
  const body = [
    ...vector([[LOCALS, I32]]),
    ...stretch(WARM, null),
    ...stretch(NORMAL, maskBeforeNormal),
    ...stretch(LIMIT, maskBehindNormal),
    ...[GET, LIMIT, END],
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([[0x60, ...parameters, ...vector([[I32]])]])),
    ...section(2, vector([[...name('host'), ...name('memory'), 2, 0, 1]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...name('cut'), 0, 0]])),
    ...section(10, vector([[...size(body.length), ...body]])),
  ]);
}
