import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as paths from '../../contract/byte-path.ts';

const { comparePaths, displayPath, isUnder, pathFromBytes, pathFromText, pathToBytes, pathToText } = paths;

/** Bytes that matter for order, or any. */
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc
    .array(fc.constantFrom(...Buffer.from('/!.-0aAz\x00\x7f\xff', 'latin1')), { maxLength: 8 })
    .map((list) => Uint8Array.from(list)),
);
const bytePaths = bytes.map(pathFromBytes);
const text = fc.string({ unit: 'binary' });

describe('conversions', () => {
  it('lose no byte', () => {
    fc.assert(
      fc.property(bytes, (one) => {
        assert.deepEqual(pathToBytes(pathFromBytes(one)), Buffer.from(one));
        const forFs = paths.pathForFs(pathFromBytes(one));
        assert.deepEqual(Buffer.from(forFs as Buffer), Buffer.from(one));
      }),
    );
  });

  it('lose no character', () => {
    fc.assert(
      fc.property(text, (one) => {
        assert.equal(pathToText(pathFromText(one)), one);
        assert.deepEqual(pathToBytes(pathFromText(one)), Buffer.from(one));
      }),
    );
  });

  it('say where bytes are no UTF-8', () => {
    const none = ['ff', 'c3', 'c328', 'e282', 'eda080', 'f4908080', 'c0af', '61ff62'];
    for (const hex of none) assert.equal(pathToText(pathFromBytes(Buffer.from(hex, 'hex'))), null, hex);
    assert.equal(pathToText(pathFromBytes(Buffer.from('efbbbf61', 'hex'))), '\ufeffa', 'a byte order mark is kept');
  });

  it('give node:fs text where that is enough', () => {
    assert.equal(paths.pathForFs(pathFromText('etc/hosts')), 'etc/hosts');
    assert.deepEqual(paths.pathForFs(pathFromText('é')), Buffer.from('é'));
  });
});

describe('order', () => {
  /** The definition, on bytes: `/` before everything else. */
  const key = (path: paths.BytePath) =>
    pathToBytes(path)
      .map((byte) => byte)
      .reduce<number[]>((list, byte) => {
        list.push(byte === 0x2f ? 0 : byte + 1);
        return list;
      }, []);
  const byDefinition = (one: paths.BytePath, other: paths.BytePath) => {
    const [a, b] = [key(one), key(other)];
    const at = a.findIndex((value, i) => value !== b[i]);
    if (at < 0) return a.length - b.length;
    return at >= b.length ? 1 : (a[at] ?? 0) - (b[at] ?? 0);
  };

  it('is bytewise with the slash lowest', () => {
    const property = fc.property(bytePaths, bytePaths, (one, other) => {
      assert.equal(Math.sign(comparePaths(one, other)), Math.sign(byDefinition(one, other)));
    });
    fc.assert(property, { numRuns: 3000 });
  });

  it('is total', () => {
    const property = fc.property(bytePaths, bytePaths, bytePaths, (a, b, c) => {
      assert.equal(Math.sign(comparePaths(a, b)), -Math.sign(comparePaths(b, a)) + 0);
      assert.equal(comparePaths(a, b) === 0, a === b);
      if (comparePaths(a, b) <= 0 && comparePaths(b, c) <= 0) assert.ok(comparePaths(a, c) <= 0);
    });
    fc.assert(property, { numRuns: 1000 });
  });

  it('has a directory directly before its subtree, which is contiguous', () => {
    const name = fc.string({
      unit: fc.constantFrom('a', 'b', '!', '.', '-', '0', '\x01', '\u00ff'),
      minLength: 1,
      maxLength: 3,
    });
    const trees = fc.array(fc.array(name, { minLength: 1, maxLength: 4 }), { maxLength: 30 });
    const property = fc.property(trees, (leaves) => {
      const all = new Set(leaves.flatMap((pieces) => pieces.map((_, i) => pieces.slice(0, i + 1).join('/'))));
      const sorted = ([...all] as paths.BytePath[]).sort(comparePaths);
      for (const [i, directory] of sorted.entries()) {
        const inside = sorted.map((path) => isUnder(path, directory));
        assert.equal(inside.indexOf(true), i);
        assert.equal(inside.lastIndexOf(true), i + inside.filter(Boolean).length - 1);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('of what people trip over', () => {
    const sorted = ['', '/', 'a', 'a/b', 'a/b/c', 'a/b!', 'a\x00', 'a!', 'a-b', 'a.b', 'a0', 'aa', 'b', 'é'] as const;
    assert.deepEqual(sorted.map(pathFromText).sort(comparePaths), sorted.map(pathFromText));
  });
});

describe('for people', () => {
  const table: [hex: string, shown: string][] = [
    ['612f62', 'a/b'],
    ['c3a9', 'é'],
    ['610a62', 'a\\x0ab'],
    ['1b5b326a', '\\x1b[2j'],
    ['7f', '\\x7f'],
    ['00', '\\x00'],
    ['c29b', '\\x9b'],
    ['61ff62', 'a\\xffb'],
    ['c3a9ff', '\\xc3\\xa9\\xff'],
    ['0aff', '\\x0a\\xff'],
  ];
  for (const [hex, shown] of table) {
    it(hex, () => assert.equal(displayPath(pathFromBytes(Buffer.from(hex, 'hex'))), shown));
  }

  it('no control character is left', () => {
    fc.assert(fc.property(bytePaths, (path) => assert.doesNotMatch(displayPath(path), /\p{Cc}/u)));
  });
});

describe('pieces', () => {
  const cases = ['', 'a', 'a/b', 'a/b/c', 'ä/ö'] as const;
  it('a parent and a name make the path', () => {
    for (const path of cases.map(pathFromText)) {
      assert.equal(paths.joinPath(paths.parentPath(path), paths.baseName(path)), path);
    }
    assert.equal(paths.parentPath(pathFromText('a/b/c')), 'a/b');
    assert.equal(paths.baseName(pathFromText('a/b/c')), 'c');
    assert.equal(paths.parentPath(pathFromText('a')), '');
  });

  it('what is under what', () => {
    const under = (path: string, directory: string) => isUnder(pathFromText(path), pathFromText(directory));
    assert.ok(under('a', 'a') && under('a/b', 'a') && under('a', '') && under('', ''));
    assert.ok(!under('ab', 'a') && !under('a', 'a/b') && !under('b/a', 'a') && !under('', 'a'));
  });
});
