/** What the tests of the contract share: names of every kind, and what a refusal must look like. */

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { Json } from '../../contract/canonical.ts';
import { type ErrorCode, OffsiteError } from '../../contract/errors.ts';
import { compactInstant } from '../../contract/ids.ts';

/** The work throws an OffsiteError of this code, whose message matches; nothing else will do. */
export function refused(code: ErrorCode, work: () => unknown, message = /./): void {
  assert.throws(work, (error) => {
    assert.ok(error instanceof OffsiteError, `not an OffsiteError: ${error instanceof Error ? error.stack : error}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

/** Matches what begins with this very text. */
export const literally = (text: string) => new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);

/** True where the work throws an OffsiteError of one of these codes, false where it does not throw; else it fails. */
export function isRefused(codes: readonly ErrorCode[], work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    assert.ok(error instanceof OffsiteError, `not an OffsiteError: ${error instanceof Error ? error.stack : error}`);
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return true;
  }
}

const letters = (text: string) => [...text];
const LOWER = letters('abcdefghijklmnopqrstuvwxyz');
const DIGITS = letters('0123456789');
const ALPHANUMERIC = [...LOWER, ...LOWER.map((letter) => letter.toUpperCase()), ...DIGITS];

/** Not `constructor` or the like, which are no names and a favourite of fast-check's. */
const isFree = (text: string) => !(text in Object.prototype);

/** Texts that begin with one of `first` and go on with up to `more` of `first` and `rest`. */
function name(first: readonly string[], rest: string, more: number): fc.Arbitrary<string> {
  const others = fc.string({ unit: fc.constantFrom(...first, ...letters(rest)), maxLength: more });
  return fc
    .tuple(fc.constantFrom(...first), others)
    .map((pieces) => pieces.join(''))
    .filter(isFree);
}

const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(...letters('0123456789abcdef')), minLength: digits, maxLength: digits });

/** Whole seconds of the years 0 to 9999, which is what the format can say. */
export const instants: fc.Arbitrary<Date> = fc
  .integer({ min: Date.parse('0000-01-01T00:00:00Z') / 1000, max: Date.parse('9999-12-31T23:59:59Z') / 1000 })
  .map((seconds) => new Date(seconds * 1000));

export const hosts = name(ALPHANUMERIC, '._-', 62);
export const sets = name([...LOWER, ...DIGITS], '_-', 31);
export const policies = fc
  .string({
    unit: fc.constantFrom(...LOWER, ...DIGITS, '-'),
    minLength: 1,
    maxLength: 24,
  })
  .filter(isFree);
export const prefixes = fc.oneof(
  name(ALPHANUMERIC, '._:@=+-', 190),
  name(ALPHANUMERIC, '._-', 100).map((node) => `AROAEXAMPLE:${node}`),
);
export const runIds = fc.tuple(instants, hex(12)).map(([start, random]) => `${compactInstant(start)}-${random}`);
export const shas = hex(64);
export const shortShas = hex(32);
export const fingerprints = hex(40).map((text) => text.toUpperCase());

/** JSON of the restricted kind: no number but safe integers, no half surrogate pairs. */
export const jsons: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value;

/** One change to bytes: a byte replaced, taken away, put in, or the end cut off. */
export function damages(bytes: Buffer): fc.Arbitrary<Buffer> {
  const place = fc.nat({ max: Math.max(0, bytes.length - 1) });
  const byte = fc.oneof(fc.nat({ max: 255 }), fc.constantFrom(...Buffer.from('"\\{}[],:0 \n=/')));
  return fc.tuple(fc.constantFrom('replace', 'remove', 'insert', 'cut'), place, byte).map(([how, at, value]) => {
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    if (how === 'cut') return Buffer.from(before);
    if (how === 'remove') return Buffer.concat([before, after.subarray(1)]);
    return Buffer.concat([before, Buffer.from([value]), how === 'insert' ? after : after.subarray(1)]);
  });
}
