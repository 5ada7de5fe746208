/** Many entries that wait for one: they must not wait for something that nobody is going to do. */

import assert from 'node:assert/strict';
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { planBudget } from '../../../host-agent/engine/budget.ts';
import { MemoryStore } from '../../../store/memory.ts';
import type { Call } from '../../helpers/agent-faults.ts';
import { AgentHost } from '../../helpers/agent-host.ts';
import { noise } from '../../helpers/agent-random.ts';

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

/** A store to which the listing goes slowly. */
class SlowStore extends MemoryStore {
  #underWay = 0;
  most = 0;

  override async put(...[key, body, options]: Parameters<MemoryStore['put']>): ReturnType<MemoryStore['put']> {
    const isListing = key.startsWith('meta/');
    if (isListing) this.most = Math.max(this.most, ++this.#underWay);
    if (isListing) await new Promise((resolve) => setTimeout(resolve, 3000));
    if (isListing) this.#underWay--;
    return await super.put(key, body, options);
  }
}

test('parts of a long listing wait for a slow store, and no more of them than parts of content', async () => {
  using host = new AgentHost({}, { partSize: '8MiB' });
  host.write({ file: 'of which there must be one' });
  mkdirSync(join(host.source, 'links'));
  // Hardly compressible, so that they make some nine parts.
  for (let i = 0; i < 30_000; i++) {
    const own = noise(`target ${i}`, 1900).toString('base64url');
    symlinkSync(own, join(host.source, 'links', String(i)));
  }
  const store = new SlowStore({ clock: host.clock });
  host.store = store;
  const { result } = await host.good({ type: 'full' });
  const parts = result.manifest?.objects.filter(([key]) => key.startsWith('meta/')).length ?? 0;
  const { uploads } = planBudget({ ...host.config, lastRunBytes: 0 });
  assert.ok(parts > uploads + 3, `${parts} parts, ${uploads} uploads`);
  assert.ok(store.most <= uploads + 1, `${store.most} at once`);
});
