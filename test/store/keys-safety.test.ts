import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { assertKey, assertPrefix, compareKeys, isKey } from '../../store/keys-safety.ts';

describe('object keys', () => {
  it('that the format makes are allowed', () => {
    for (const key of [
      'hosts/AROAEXAMPLE:mi-0123456789abcdef0/ABCDEF.asc',
      'data/carcosa/data/20260101T000000Z-0123456789ab/20260101T000000Z-0123456789ab/1-00ff.pgp',
      'config/trust.json',
      'ünïcode/\u{1f511}',
      '...',
      '.hidden/..x',
    ]) {
      assertKey(key);
    }
  });

  it('have a limit in bytes, as a whole and in each segment', () => {
    assert.equal(isKey('é'.repeat(127)), true);
    assert.equal(isKey('é'.repeat(128)), false);
    const segments = (count: number) => Array.from({ length: count }, () => 'k'.repeat(7)).join('/');
    assert.equal(isKey(`${segments(127)}/${'k'.repeat(8)}`), true);
    assert.equal(isKey(`${segments(127)}/${'k'.repeat(9)}`), false);
  });

  it('never lead out of a folder', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('.', '..', '/', 'a', '\0', '\\', '\ud800', '.offsite')), (pieces) => {
        const key = pieces.join('');
        if (!isKey(key)) return;
        assert.ok(!key.startsWith('/') && key.isWellFormed() && !key.includes('\0'));
        assert.ok(key.split('/').every((segment) => !['', '.', '..'].includes(segment)));
        assert.notEqual(key.split('/')[0], '.offsite');
        assertPrefix(key);
        assertPrefix(`${key}/`);
      }),
    );
  });

  it('are in the order of their bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
        assert.equal(compareKeys(a, b), Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
    );
    assert.ok(compareKeys('\uffee', '\u{10000}') < 0, 'JavaScript says otherwise');
  });
});
