import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as z from 'zod';
import { duration, parseDuration, parseSize, percentage, size } from '../../contract/units.ts';

const DAY = 86_400_000;

describe('durations', () => {
  it('in milliseconds', () => {
    const good: [string, number][] = [
      ['0s', 0],
      ['90s', 90_000],
      ['30m', 1_800_000],
      ['6h', 6 * 3_600_000],
      ['31d', 31 * DAY],
      ['2w', 14 * DAY],
      ['007m', 420_000],
      ['36525d', 36_525 * DAY],
    ];
    for (const [text, value] of good) assert.equal(parseDuration(text), value, text);
  });

  it('of other forms are none', () => {
    const bad = [
      '',
      's',
      '5',
      '5 m',
      '-5m',
      '+5m',
      '1.5h',
      '5M',
      '5min',
      '5ms',
      '5m5s',
      '1h\n',
      '٥m',
      '1e3s',
      '36526d',
      '999999999w',
    ];
    for (const text of bad) assert.equal(parseDuration(text), null, text);
  });
});

describe('sizes', () => {
  it('in bytes', () => {
    const good: [string, number][] = [
      ['0', 0],
      ['500', 500],
      ['500B', 500],
      ['32MiB', 2 ** 25],
      ['350MB', 350e6],
      ['350 MB', 350e6],
      ['1TiB', 2 ** 40],
      ['9007TB', 9007e12],
    ];
    for (const [text, value] of good) assert.equal(parseSize(text), value, text);
  });

  it('of other forms are none', () => {
    const bad = [
      '',
      'MB',
      '-1',
      '1.5GB',
      '1mb',
      '1M',
      '1K',
      '1Mi',
      '1iB',
      '1PB',
      '1  MB',
      '1\nMB',
      '1MB ',
      '0x10',
      '1e9',
      '9008TB',
      '999999999999TiB',
    ];
    for (const text of bad) assert.equal(parseSize(text), null, text);
  });
});

it('whatever they read is a whole number that computing keeps exact', () => {
  const digits = fc.string({ unit: fc.constantFrom(...'0123456789'), minLength: 1, maxLength: 14 });
  const unit = fc.constantFrom('', 'B', 'KB', 'KiB', 'TB', 'TiB', 's', 'm', 'h', 'd', 'w');
  const property = fc.property(digits, unit, (number, suffix) => {
    for (const parse of [parseDuration, parseSize]) {
      const value = parse(number + suffix);
      assert.ok(value === null || (Number.isSafeInteger(value) && value >= 0));
    }
  });
  fc.assert(property, { numRuns: 1000 });
});

describe('in config files', () => {
  const file = z.object({ d: duration.optional(), s: size.optional(), p: percentage.optional() });
  const message = (value: unknown) => file.safeParse(value).error?.issues[0]?.message;

  it('are read', () => {
    assert.deepEqual(file.parse({ d: '1m', s: '1KiB', p: '50%' }), { d: 60_000, s: 1024, p: 0.5 });
    assert.deepEqual(file.parse({ s: 4096, p: '0%' }), { s: 4096, p: 0 });
    assert.equal(file.parse({ p: '100%' }).p, 1);
  });

  it('say what they should be', () => {
    for (const d of ['soon', 60, null, ['1m']])
      assert.equal(message({ d }), 'must be a duration like 90s, 30m, 6h or 31d');
    for (const s of ['big', true, null, 1.5])
      assert.equal(message({ s }), 'must be a size like 512KiB, 32MiB or 350MB');
    for (const p of ['101%', '50', 0.5, '-1%', '5.5%', '%']) assert.equal(message({ p }), 'must be a share like 50%');
    assert.match(message({ s: -1 }) ?? '', />=0/);
  });
});
