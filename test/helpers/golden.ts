import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { environmentVariable } from '../../system/environment.ts';

/** Holds a text to the file byte by byte; with UPDATE_GOLDEN=1 it writes the file instead, to be looked at in the diff. */
export function assertGolden(file: URL, text: string): void {
  if (environmentVariable('UPDATE_GOLDEN') === '1') {
    mkdirSync(dirname(file.pathname), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  assert.equal(text, readFileSync(file, 'utf8'), `${file.pathname} (UPDATE_GOLDEN=1 rewrites it)`);
}
