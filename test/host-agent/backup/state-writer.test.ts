/** The state of a run made of the base's and of new entries, in any mixture: what is read back is what was written. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import type { BytePath } from '../../../contract/byte-path.ts';
import type { BaseEntry, NewEntry } from '../../../host-agent/state/entry-blocks.ts';
import { type State, StateFolder, type StateInfo } from '../../../host-agent/state/state.ts';
import { StateWriter } from '../../../host-agent/state/state-writer.ts';

const work = mkdtempSync(join(tmpdir(), 'offsite-state-writer-'));
after(() => rmSync(work, { recursive: true, force: true }));

const info: Omit<StateInfo, 'run'> = {
  prefix: 'p',
  set: 's',
  chain: 'c',
  payload: 'x',
  sources: [],
  recipients: [],
  scanStart: '1',
  bytes: 0,
  files: 0,
  chainStarted: '',
  chainRuns: 1,
  fullBytes: 0,
  incrementalBytes: 0,
  mounts: [],
};

const entryOf = (number: number, mark: string): NewEntry => ({
  path: `d${String(number >> 6).padStart(4, '0')}/f${String(number & 63).padStart(2, '0')}${'é'.repeat(number % 3)}` as BytePath,
  size: BigInt(number) * 2n ** 33n,
  mtimeNs: -BigInt(number),
  ctimeNs: BigInt(number) * 1_000_000_007n,
  inode: 2n ** 63n + BigInt(number),
  settled: number % 7 !== 0,
  lines: Buffer.from(`${mark}${number} ${'x'.repeat(number % 50)}\n`),
});

const plain = ({ path, size, mtimeNs, ctimeNs, inode, settled, lines }: NewEntry) =>
  [path, size, mtimeNs, ctimeNs, inode, settled, lines.toString('latin1')].join('|');

let runs = 0;
async function write(base: State | null, fill: (writer: StateWriter) => void): Promise<State> {
  const states = new StateFolder(work);
  const run = `run-${runs++}`;
  const writer = new StateWriter(states.folderOf(run), base);
  fill(writer);
  await writer.finish({ ...info, run }, { chunks: [], begins: [] }, new Uint8Array(0));
  const state = states.open({ prefix: 'p', set: 's', run });
  assert.ok(state);
  return state;
}

/** What becomes of a stretch of the base. */
const stretch = fc.record({
  length: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 5000 })),
  fate: fc.constantFrom('reused', 'reused', 'changed', 'gone', 'a new one before each'),
});

test('chains of states: reused, changed, removed and added entries', async () => {
  const whole = Array.from({ length: 12_000 }, (_, i) => entryOf(i, 'first '));
  const first = await write(null, (writer) => {
    for (const entry of whole) writer.add(entry);
  });
  const generations = fc.array(fc.array(stretch, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(generations, async (plans) => {
      let state = first;
      let expected = whole.map(plain);
      for (const [generation, plan] of plans.entries()) {
        const entries: BaseEntry[] = [...state.entries()];
        assert.deepEqual(entries.map(plain), expected);
        const wanted: string[] = [];
        state = await write(state, (writer) => {
          let next = 0;
          for (const { length, fate } of [...plan, { length: entries.length, fate: 'reused' }]) {
            for (const entry of entries.slice(next, next + length)) {
              if (fate === 'a new one before each') {
                const added = { ...entryOf(wanted.length, 'added '), path: `${entry.path}!` as BytePath };
                writer.add(added);
                wanted.push(plain(added));
              }
              if (fate === 'gone') continue;
              const changed = { ...entryOf(entry.index, `changed ${generation} `), path: entry.path };
              if (fate === 'changed') writer.add(changed);
              else writer.reuse(entry);
              wanted.push(plain(fate === 'changed' ? changed : entry));
            }
            next += length;
          }
        });
        expected = wanted;
      }
      const read = [...state.entries()];
      assert.deepEqual(read.map(plain), expected);
      // The lines of a stretch over blocks, as one piece.
      const [from, to] = [Math.floor(read.length / 3), Math.floor((read.length * 2) / 3)];
      assert.ok(state.lines(from, to).equals(Buffer.concat(read.slice(from, to).map(({ lines }) => lines))));
    }),
    { numRuns: 25 },
  );
});
