/** What a manifest says must not contradict its key nor itself. */

import { describe, it } from 'node:test';
import { objectKey } from '../../contract/keys.ts';
import { OUTCOMES } from '../../contract/manifest.ts';
import {
  A,
  B,
  BASE,
  CHAIN,
  changed,
  D,
  DATA_KEY,
  INDEX_KEY,
  KEY,
  META_KEY,
  PLACE,
  parse,
  RUN,
  SAMPLE,
  type Sample,
  SESSION_KEY,
  short,
} from './manifest-sample.ts';
import { refused } from './samples.ts';

const contradicts = (change: Partial<Sample>, message: RegExp) =>
  refused('manifest-invalid', () => changed(change), message);

describe('what contradicts its own place', () => {
  it('prefix, set or run other than in the key', () => {
    contradicts({ prefix: 'AROA:mi-1' }, /says prefix AROA:mi-1/);
    contradicts({ set: 'etc' }, /says set etc/);
    contradicts({ run: BASE }, /says run 2026/);
    const elsewhere = objectKey({ kind: 'manifest', ...PLACE, prefix: 'AROA:mi-1' });
    refused('manifest-invalid', () => parse(SAMPLE, elsewhere), /says prefix AROA:mi-0/);
  });

  it('a key that is none of a manifest', () => {
    for (const key of ['', KEY.replace('manifest', 'started'), DATA_KEY, `${KEY}.bak`, KEY.replace('data/', '../')]) {
      refused('object-key-invalid', () => parse(SAMPLE, key));
    }
  });
});

describe('objects that are not its own', () => {
  const other = (change: object) => ({ ...PLACE, number: 8, sha: short(A), ...change });
  const stranger = (key: string) => ({ objects: [...SAMPLE.objects, [key, 1, A, 2]] });

  it('of another host or set', () => {
    contradicts(stranger(objectKey({ kind: 'data', ...other({ prefix: 'AROA:mi-1' }) })), /not its own/);
    contradicts(stranger(objectKey({ kind: 'data', ...other({ set: 'etc' }) })), /not its own/);
    contradicts(stranger(objectKey({ kind: 'meta', ...other({ prefix: 'AROA:mi' }) })), /not its own/);
  });

  it('of another kind', () => {
    const keys = [SESSION_KEY, KEY, 'config/trust.json', 'recovery/recover.sh', `latest/carcosa/data.json`];
    for (const key of keys) contradicts(stranger(key), /not its own/);
  });

  it('whose keys are none', () => {
    for (const key of ['', '..', `${DATA_KEY}x`, DATA_KEY.replace('000007', '7'), DATA_KEY.toUpperCase()]) {
      contradicts(stranger(key), /not its own/);
    }
    contradicts(stranger('\u001b[2Jdata'), /not its own: "\\u001b\[2Jdata"$/);
  });

  it('but runs of the same chain that never came to an end are', () => {
    changed({ objects: [...SAMPLE.objects, [objectKey({ kind: 'data', ...other({ run: BASE }) }), 1, A, 2]] });
  });

  it('whose hash is not the one in the name', () => {
    contradicts({ objects: [[DATA_KEY, 1, B, 2], ...SAMPLE.objects.slice(1)] }, /the hash of data\/.* is not the one/);
  });

  it('of which two have one number', () => {
    const twin = objectKey({ kind: 'data', ...other({ number: 7, sha: short(B) }) });
    contradicts({ objects: [...SAMPLE.objects, [twin, 1, B, 2]] }, /two objects are data 7/);
    contradicts(stranger(DATA_KEY), /two objects are data 7/);
    const secondIndex = objectKey({ kind: 'index', ...PLACE, sha: short(A) });
    contradicts({ objects: [...SAMPLE.objects, [secondIndex, 1, A, 2]] }, /two objects are index/);
  });
});

describe('key objects', () => {
  it('that are missing', () => {
    contradicts({ keyObjects: [] }, /no key object for attempt 2 of data/);
    contradicts({ objects: [[DATA_KEY, 1, A, 3], ...SAMPLE.objects.slice(1)] }, /no key object for attempt 3/);
  });

  it('that are not its own', () => {
    const elsewhere = objectKey({ kind: 'session-key', ...PLACE, set: 'etc', attempt: 2, sha: short(D) });
    for (const key of [elsewhere, DATA_KEY, ''])
      contradicts({ keyObjects: [[2, key, 900, D]] }, /key object that is not/);
  });

  it('of another attempt, or two of one', () => {
    contradicts({ keyObjects: [[3, SESSION_KEY, 900, D]] }, /for attempt 3/);
    contradicts({ keyObjects: [...SAMPLE.keyObjects, ...SAMPLE.keyObjects] }, /for attempt 2/);
  });

  it('whose hash is not the one in the name', () => {
    contradicts({ keyObjects: [[2, SESSION_KEY, 900, A]] }, /the hash of meta\/.* is not the one/);
  });
});

describe('the index', () => {
  it('is one of the objects', () => {
    contradicts({ index: INDEX_KEY.replace('ccc', 'ddd') }, /its index/);
    contradicts({ index: META_KEY }, /its index/);
    contradicts({ index: null }, /its index/);
    contradicts({ objects: SAMPLE.objects.slice(0, 2) }, /its index/);
  });

  it('is there unless the run failed', () => {
    for (const outcome of OUTCOMES) {
      if (outcome === 'failed') contradicts({ outcome }, /a failed run has no index/);
      else changed({ outcome });
    }
  });
});

describe('sources', () => {
  const last = [CHAIN, RUN, null];
  it('end with the run itself', () => {
    const message = /the last source is not the run itself/;
    contradicts({ sources: [] }, message);
    contradicts({ sources: [[CHAIN, BASE, A]] }, message);
    contradicts({ sources: [[CHAIN, RUN, A]] }, message);
    contradicts({ sources: [[BASE, RUN, null]] }, message);
    contradicts({ sources: [last, [CHAIN, BASE, A]] }, message);
  });

  it('have hashes before that', () => {
    contradicts({ sources: [[CHAIN, BASE, null], last] }, /a source has no hash/);
    contradicts({ sources: [last, last] }, /a source has no hash/);
    contradicts({ sources: [[CHAIN, RUN, A], last] }, /a source/);
  });
});
