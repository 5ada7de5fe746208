/** No way in which a miss could stay silent is without its tests, and no test of one is dropped or skipped unseen. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_MISSES } from './items.ts';

/** As the list was drawn up: it may grow, and shrinks only with this number. */
const WAYS = 21;

const sources = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.test.ts') && file !== 'every-item.test.ts')
  .map((file) => ({ file, text: readFileSync(join(import.meta.dirname, file), 'utf8') }));

test('every way in which a miss could stay silent has its cases, and every case a test of its name', () => {
  const wanted = Object.entries(SILENT_MISSES).flatMap(([way, cases]) => cases.map((one) => `${way}: ${one}`));
  const found = sources.flatMap(({ text }) =>
    [...text.matchAll(/\btest\(\s*(['"])(.*?)\1,/g)].map(([, , name]) => name),
  );
  assert.deepEqual(found.toSorted(), wanted.toSorted());
  assert.equal(new Set(wanted).size, wanted.length);
  assert.ok(Object.keys(SILENT_MISSES).length >= WAYS);
  for (const [way, cases] of Object.entries(SILENT_MISSES)) assert.ok(cases.length > 0, way);
});

test('none of them is skipped, put off or run alone', () => {
  for (const { file, text } of sources) {
    assert.doesNotMatch(text, /\btest\.(skip|todo|only)\b|\b(skip|todo|only):|\.(skip|todo)\(/, file);
  }
});
