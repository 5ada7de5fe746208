import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { quoted } from '../../contract/quote.ts';

describe('a value in a message', () => {
  it('is its JSON', () => {
    assert.equal(quoted('a"b'), '"a\\"b"');
    assert.equal(quoted({ a: [1, null] }), '{"a":[1,null]}');
    assert.equal(quoted(undefined), 'nothing');
    assert.equal(quoted(Symbol('a')), 'Symbol(a)');
    assert.equal(quoted('ä€😀'), '"ä€😀"');
  });

  it('moves no cursor and turns no writing around', () => {
    assert.equal(quoted('\u001b[2J\u009b\u202e\u2028\u200b\u007f'), '"\\u001b[2J\\u009b\\u202e\\u2028\\u200b\\u007f"');
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.anything()), (value) => {
        const text = quoted(value);
        assert.ok(text.length <= 80);
        assert.doesNotMatch(text, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('has an end', () => {
    assert.equal(quoted('x'.repeat(1000)), `"${'x'.repeat(76)}...`);
    assert.equal(quoted('x'.repeat(78)).length, 80);
  });

  it('may have no JSON', () => {
    const circle: unknown[] = [];
    circle.push(circle);
    for (const value of [circle, 1n]) assert.equal(quoted(value), 'a value that has no JSON form');
  });
});
