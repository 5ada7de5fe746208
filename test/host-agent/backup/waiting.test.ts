/** Many entries that wait for one: they must not wait for something that nobody is going to do. */

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Call } from '../../helpers/agent-faults.ts';
import { AgentHost } from '../../helpers/agent-host.ts';

/** More entries than may wait. */
const MANY = 4200;

function manyLinks(host: AgentHost, folder: string): void {
  mkdirSync(join(host.source, folder));
  for (let i = 0; i < MANY; i++) symlinkSync('anywhere', join(host.source, folder, String(i)));
}

/** Calls `does` before the first call of that name to that path. */
function before(name: string, path: string, does: () => undefined | { errno: string }) {
  let isDone = false;
  return {
    before: (call: Call) => {
      if (isDone || call.name !== name || call.path !== path) return undefined;
      isDone = true;
      return does();
    },
  };
}

for (const [what, does] of [
  ['was replaced', (file: string) => renameSync(`${file}.new`, file)],
  ['has vanished', unlinkSync],
] as const) {
  test(`a file that ${what} when it is opened, with many entries behind it`, async () => {
    using host = new AgentHost();
    host.write({ 'a/it': 'as the scan sees it', 'a/it.new': 'another one', 'a/other': 'other' });
    manyLinks(host, 'b');
    const file = join(host.source, 'a/it');
    const saboteur = before('open', file, () => {
      does(file);
      return undefined;
    });
    const [result] = (await host.run({ type: 'full', saboteur })).results;
    assert.equal(result?.outcome, 'complete', result?.error?.message);
    await host.good();
    await host.assertSound();
  });
}

test('a last directory that cannot be listed, of which the base knows much, behind a file that has changed', async () => {
  using host = new AgentHost();
  host.write({ 'a/it': 'it' });
  manyLinks(host, 'z');
  await host.good({ type: 'full' });
  writeFileSync(join(host.source, 'a/it'), 'another');
  const saboteur = before('readdir', join(host.source, 'z'), () => ({ errno: 'EIO' }));
  const [result] = (await host.run({ saboteur })).results;
  assert.equal(result?.outcome, 'partial', result?.error?.message);
  await host.good();
  await host.assertSound();
});
