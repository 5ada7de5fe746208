/** Build and parse are inverse over every kind, and each is spelled as the format says. */

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { compactInstant } from '../../contract/ids.ts';
import * as keys from '../../contract/keys.ts';
import { type ObjectKey, objectKey, parseObjectKey, placesOfHost, runFolder, slotFolder } from '../../contract/keys.ts';
import { anyKey, DUE, FPR, KINDS, keyOf, PART, RUN, SHA, SPELLED } from './key-samples.ts';

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

  it('of one set, one host and one due minute hold what lies in them, and no neighbour', () => {
    const folders: [folder: string, inside: ObjectKey, beside: ObjectKey][] = [
      [
        keys.runsOfSet('a', 'etc'),
        { ...RUN, kind: 'manifest', prefix: 'a', set: 'etc' },
        { ...RUN, kind: 'manifest', prefix: 'a', set: 'etc2' },
      ],
      [keys.setsOfPrefix('a'), { ...RUN, kind: 'started', prefix: 'a' }, { ...RUN, kind: 'started', prefix: 'ab' }],
      [
        keys.keysOfPrefix('a'),
        { kind: 'host', prefix: 'a', fingerprint: FPR },
        { kind: 'host', prefix: 'ab', fingerprint: FPR },
      ],
      [keys.rewrappedKeysOfRun(RUN), { kind: 'rewrapped-key', ...RUN, number: 1 }, { kind: 'accepted', ...RUN }],
      [
        keys.slotsOfDue(DUE),
        { kind: 'closed', due: DUE, policy: 'w' },
        { kind: 'closed', due: new Date(0), policy: 'w' },
      ],
      [keys.ALL_HOSTS, { kind: 'host', prefix: 'a', fingerprint: FPR }, { kind: 'latest', host: 'a', set: 'b' }],
      [keys.ALL_RUNS, { kind: 'skipped', ...RUN }, { kind: 'index', ...PART, sha: SHA }],
      [keys.ALL_SLOTS, { kind: 'expected', due: DUE, policy: 'w' }, { kind: 'audit-state' }],
      [keys.ALL_ALERTS, { kind: 'alert', problem: 'missed.a.b' }, { kind: 'audit-state' }],
      [keys.ALL_FLEET_VERSIONS, { kind: 'fleet-version', applied: DUE, sha: SHA }, { kind: 'fleet' }],
    ];
    for (const [folder, inside, beside] of folders) {
      assert.ok(folder.endsWith('/') && objectKey(inside).startsWith(folder), folder);
      assert.ok(!objectKey(beside).startsWith(folder), folder);
    }
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
