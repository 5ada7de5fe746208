/** Build and parse are inverse over every kind, and each is spelled as the format says. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compactInstant } from '../../contract/ids.ts';
import { type ObjectKey, objectKey, parseObjectKey, placesOfHost, runFolder, slotFolder } from '../../contract/keys.ts';
import { anyKey, DUE, KINDS, keyOf, RUN, SPELLED } from './key-samples.ts';

describe('build and parse are inverse', () => {
  for (const kind of KINDS) {
    it(kind, () => {
      const property = fc.property(keyOf(kind), (key) => {
        assert.deepEqual(parseObjectKey(objectKey(key)), key);
      });
      fc.assert(property, { numRuns: 60 });
    });
  }

  it('different keys have different texts', () => {
    fc.assert(
      fc.property(anyKey, anyKey, (one, other) => {
        assert.equal(objectKey(one) === objectKey(other), JSON.stringify(one) === JSON.stringify(other));
      }),
    );
  });
});

it('every kind is spelled as the format says', () => {
  for (const [key, text] of SPELLED) {
    assert.equal(objectKey(key), text);
    assert.deepEqual(parseObjectKey(text), key);
  }
  assert.deepEqual(new Set(SPELLED.map(([key]) => key.kind)), new Set(KINDS));
});

describe('folders', () => {
  it('of a run and of a slot hold what lies in them', () => {
    assert.ok(objectKey({ kind: 'manifest', ...RUN }).startsWith(runFolder(RUN)));
    assert.ok(
      objectKey({ kind: 'closed', due: DUE, policy: 'weekly' }).startsWith(slotFolder({ due: DUE, policy: 'weekly' })),
    );
    assert.equal(slotFolder({ due: DUE, policy: 'w' }), `slots/${compactInstant(DUE)}/w/`);
  });

  it('of a host hold what a host writes and nothing else', () => {
    const own: ObjectKey['kind'][] = [
      'host',
      'data',
      'meta',
      'index',
      'session-key',
      'started',
      'alive',
      'skipped',
      'manifest',
    ];
    for (const [key, text] of SPELLED) {
      const isInside = placesOfHost('AROA:mi-0').some((place) => text.startsWith(place));
      assert.equal(isInside, own.includes(key.kind), text);
      assert.ok(!placesOfHost('AROA:mi-').some((place) => text.startsWith(place)), 'a prefix of another prefix');
    }
  });
});
