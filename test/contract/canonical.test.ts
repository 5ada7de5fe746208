/** Canonical JSON against RFC 8785's own vectors, as far as integers go, and against everything that is not canonical. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { canonicalJson, decodeUtf8, type Json, parseCanonical, parseJson } from '../../contract/canonical.ts';
import { damages, isRefused, jsons, refused } from './samples.ts';

const parse = (text: string | Buffer) => parseCanonical(Buffer.from(text as string), 'the sample');

describe('RFC 8785', () => {
  it('literals and strings of section 3.2.2', () => {
    const value = { string: '€$\u000f\nA\'B"\\\\"/', literals: [null, true, false] };
    assert.equal(canonicalJson(value), String.raw`{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}`);
  });

  it('the order of section 3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    const order = [...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map((match) => match[1]);
    assert.deepEqual(order, [
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  // The test data of the RFC's author, https://github.com/cyberphone/json-canonicalization/tree/master/testdata
  const DATA: [name: string, input: string, output: string][] = [
    ['arrays', '[ 56, { "d": true, "10": null, "1": [ ] } ]', '[56,{"1":[],"10":null,"d":true}]'],
    [
      'french',
      '{"peach": "This sorting order", "péché": "is wrong", "pêche": "but", "sin": "ignore locale"}',
      '{"peach":"This sorting order","péché":"is wrong","pêche":"but","sin":"ignore locale"}',
    ],
    [
      'structures',
      String.raw`{"1": {"f": {"f": "hi", "F": 5}, "\n": 56.0}, "10": {}, "": "empty", "a": {}, "111": [{"e": "yes", "E": "no"}], "A": {}}`,
      String.raw`{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}`,
    ],
    ['unicode', String.raw`{"Unnormalized Unicode": "A\u030a"}`, '{"Unnormalized Unicode":"A\u030a"}'],
    [
      'weird',
      String.raw`{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\u000a": "Newline", "1": "One", "\u0080": "Control\u007f", "\ud83d\ude02": "Smiley", "\u00f6": "o", "\ufb33": "Dalet", "</script>": "Browser Challenge"}`,
      String.raw`{"\n":"Newline","\r":"Carriage Return","1":"One","</script>":"Browser Challenge",` +
        '"\u0080":"Control\u007f","ö":"o","€":"Euro Sign","😂":"Smiley","\ufb33":"Dalet"}',
    ],
  ];
  for (const [name, input, output] of DATA) {
    it(`the test data ${name}`, () => {
      assert.equal(canonicalJson(JSON.parse(input)), output);
      assert.deepEqual(parse(output), JSON.parse(input));
    });
  }

  it('numbers of appendix B, those that are integers', () => {
    assert.equal(canonicalJson(0), '0');
    assert.equal(canonicalJson(-0), '0');
    assert.equal(canonicalJson(9007199254740991), '9007199254740991');
    assert.equal(canonicalJson(-9007199254740991), '-9007199254740991');
  });
});

describe('what has no canonical form is refused', () => {
  const values: [why: string, value: unknown][] = [
    ['a fraction', 0.5],
    ['2^53', 2 ** 53],
    ['-2^53', -(2 ** 53)],
    ['NaN', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['half a surrogate pair', 'a\ud800'],
    ['half a surrogate pair in a key', { 'a\udc00': 1 }],
    ['undefined', undefined],
    ['undefined in an array', [undefined]],
    ['a hole in an array', new Array(2)],
    ['a big integer', 1n],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
    ['a date, whose object has no keys', new Date(0)],
    ['bytes, whose object has numbers for keys', Buffer.from('a')],
    ['a map, whose object has no keys', new Map([['a', 1]])],
  ];
  for (const [why, value] of values) {
    it(why, () => {
      refused('document-invalid', () => canonicalJson(value));
      refused('document-invalid', () => canonicalJson({ deep: [value === undefined ? [value] : value] }));
    });
  }

  it('but keys without a value are left out, as JSON does', () => {
    assert.equal(canonicalJson({ b: undefined, a: 1 }), '{"a":1}');
    assert.equal(canonicalJson(Object.assign(Object.create(null), { a: 1 })), '{"a":1}');
  });
});

describe('bytes that are not the canonical form are refused', () => {
  const texts: [why: string, text: string | Buffer][] = [
    ['nothing', ''],
    ['no JSON', '{'],
    ['white space before', ' {}'],
    ['white space behind', '{}\n'],
    ['white space inside', '{"a": 1}'],
    ['more behind', '{}{}'],
    ['duplicate keys', '{"a":1,"a":1}'],
    ['duplicate keys, one escaped', String.raw`{"a":1,"\u0061":1}`],
    ['duplicate __proto__', '{"__proto__":1,"__proto__":2}'],
    ['the order of keys', '{"b":1,"a":2}'],
    ['the order of keys by bytes instead of UTF-16', '{"\ufb33":1,"😀":2}'],
    ['a fraction of nothing', '[1.0]'],
    ['an exponent', '[1e3]'],
    ['an exponent of nothing', '[1E0]'],
    ['minus zero', '[-0]'],
    ['a fraction', '[0.5]'],
    ['2^53', '[9007199254740992]'],
    ['beyond 2^53, which reads as another number', '[9007199254740993]'],
    ['a number that reads as infinity', '[1e999]'],
    ['an escape that is not needed', String.raw`["\u0061"]`],
    ['an escaped slash', String.raw`["\/"]`],
    ['uppercase hex', String.raw`["\u001F"]`],
    ['a long form of a short escape', String.raw`["\u000a"]`],
    ['half a surrogate pair, escaped', String.raw`["\ud800"]`],
    ['a surrogate pair, escaped', String.raw`["\ud83d\ude00"]`],
    ['half a surrogate pair in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['a surrogate pair in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x22])],
    ['a byte order mark', '\ufeff{}'],
    ['a long form in UTF-8', Buffer.from([0x22, 0xc1, 0xa1, 0x22])],
    ['a cut character', Buffer.from([0x22, 0xe2, 0x82, 0x22])],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
    ['a NUL', '{}\0'],
    ['a comment', '{}//'],
    ['a comma too many', '[1,]'],
    ['depth that ends in the engine', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
  ];
  for (const [why, text] of texts) it(why, () => refused('document-invalid', () => parse(text), /^the sample is not/));

  it('whatever is read has these bytes and no others', () => {
    const samples = jsons.chain((value) => {
      const bytes = Buffer.from(canonicalJson(value));
      return fc.oneof(damages(bytes), fc.constant(bytes), fc.constant(Buffer.from(JSON.stringify(value, null, 1))));
    });
    const property = fc.property(samples, (bytes) => {
      let value: Json = null;
      if (
        isRefused(['document-invalid'], () => {
          value = parseCanonical(bytes, 'the sample');
        })
      )
        return;
      assert.deepEqual(Buffer.from(canonicalJson(value)), bytes);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

it('any value comes back, whatever the order of its keys was', () => {
  const turned = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(turned);
    if (typeof value !== 'object' || value === null) return value;
    const pairs = Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, turned(item)] as const);
    return Object.fromEntries(pairs);
  };
  const property = fc.property(jsons, (value) => {
    const text = canonicalJson(value);
    assert.equal(canonicalJson(turned(value)), text);
    assert.equal(canonicalJson(parse(text)), text);
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(value)));
  });
  fc.assert(property);
});

it('keys that objects inherit are keys like any other', () => {
  const text = '{"__proto__":{"polluted":1},"constructor":2,"toString":3}';
  const value = parse(text);
  assert.equal(canonicalJson(value), text);
  assert.ok(!('polluted' in (value as object)));
});

it('JSON and UTF-8 that are none say what they were', () => {
  refused('document-invalid', () => parseJson('{', 'fleet.json'), /^fleet\.json is not JSON$/);
  refused('document-invalid', () => decodeUtf8(Buffer.from([0xff]), 'fleet.json'), /^fleet\.json is not UTF-8$/);
  assert.equal(decodeUtf8(Buffer.from('\ufeffé'), 'x'), '\ufeffé', 'a byte order mark is not swallowed');
  refused('document-invalid', () => decodeUtf8(Buffer.from([0xe2, 0x82]), 'x'));
  assert.equal(decodeUtf8(Buffer.from('é'), 'x'), 'é', 'a refusal leaves nothing behind');
});
