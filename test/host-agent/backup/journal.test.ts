/** Journals that are longer than what can be one string, as those of millions of files are. */

import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Journal, readJournal } from '../../../host-agent/state/journal.ts';

const work = mkdtempSync(join(tmpdir(), 'offsite-journal-'));
after(() => rmSync(work, { recursive: true, force: true }));

test('a journal longer than a string may be is read all the same', async () => {
  const file = join(work, 'full.jsonl');
  const of = { prefix: 'p', store: 's', chain: 'c', recipients: ['r'] };
  const first = await Journal.open(file, of, null);
  await first.attempt('one', 1);
  await first.used(7);
  await first.close();
  // A hole, which a power cut may leave too, in place of very many lines.
  truncateSync(file, statSync(file).size + constants.MAX_STRING_LENGTH);
  appendFileSync(file, '\n');
  const second = await Journal.open(file, of, readJournal(file));
  await second.attempt('two', 2);
  await second.used(8);
  await second.close();
  const read = readJournal(file);
  assert.deepEqual([read?.chain, read?.runs, read?.attempts, read?.nextNumber], ['c', ['one', 'two'], 2, 9]);
});
