/** What is reported held against what is there: a nasty tree, parts of which are damaged or gone. */

import assert from 'node:assert/strict';
import { existsSync, lstatSync, readFileSync, readlinkSync } from 'node:fs';
import { test } from 'node:test';
import type { BytePath } from '../../../contract/byte-path.ts';
import type { Entry } from '../../../contract/entry.ts';
import { planRestore, restore } from '../../../host-agent/restore.ts';
import { secureRandom } from '../../../system/random.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun } from '../../helpers/synthetic-run.ts';

const PARTS = 9;
const LONG = 'n'.repeat(255);
const DEEP = 'deep/'.repeat(90).slice(0, -1);
const MODES = [0o000, 0o400, 0o555, 0o644, 0o1777, 0o2755, 0o4711];

interface Wanted {
  readonly entry: Entry;
  readonly content: Buffer | null;
  readonly parts: number[];
}

/** Entries of every kind in many directories; each file's parts and content are known. */
function nastyTree(made: SyntheticRun): Map<BytePath, Wanted> {
  const wanted = new Map<BytePath, Wanted>();
  const note = (entry: Entry, content: Buffer | null, parts: number[]) =>
    wanted.set(entry.path, { entry, content, parts });
  const attributes = (i: number) => ({
    mode: MODES[i % MODES.length] as number,
    mtime: `${1_500_000_000 + i}.000000000`,
  });
  const directories = [
    'small',
    'small/\xff\xfe bytes',
    `small/${LONG}`,
    'mixed',
    'mixed/sub',
    'empty',
    'empty/below',
    'wide',
  ];
  for (const [i, path] of directories.entries()) note(made.directory(path, attributes(i)), null, []);
  for (let at = 4; at >= 0 && at <= DEEP.length; at = DEEP.indexOf('/', at + 1)) {
    note(made.directory(DEEP.slice(0, at), attributes(at)), null, []);
    if (at === DEEP.length) break;
    if (DEEP.indexOf('/', at + 1) < 0) {
      note(made.directory(DEEP, attributes(1)), null, []);
      break;
    }
  }
  const big = secureRandom(60_000);
  const pieces = [];
  for (let part = 0; part < PARTS; part++) {
    if (part > 0) made.nextPart();
    const small = part < 5 ? ['small', 'small/\xff\xfe bytes', `small/${LONG}`, DEEP] : ['mixed', 'mixed/sub', 'wide'];
    for (const directory of small) {
      for (let i = 0; i < 6; i++) {
        const content = secureRandom(1 + i * 700);
        const name = i === 0 && directory !== DEEP ? `${'f'.repeat(250)}${part}` : `\xe9 ${part}-${i}`;
        note(made.file(`${directory}/${name}`, [content], attributes(i + part)), content, [part]);
      }
    }
    const linked = secureRandom(500);
    const chunk = made.contentOf([made.chunk(linked)]);
    const first = `mixed/l${part}-0` as BytePath;
    for (const path of [first, `small/l${part}-1`, `wide/l${part}-2`, `l${part}-3`] as BytePath[]) {
      note(made.add({ path, link: first, ...attributes(part), ...chunk }), linked, [part]);
    }
    if (part % 3 === 0)
      pieces.push({ part, at: made.chunk(big.subarray((part / 3) * 20_000, (part / 3 + 1) * 20_000)) });
    const sparse = Buffer.alloc(50_000);
    sparse.fill('data', 10_000, 10_400);
    const path = `wide/sparse${part}`;
    const data: [number, number][] = [[10_000, 400]];
    note(made.file(path, [sparse.subarray(10_000, 10_400)], { size: 50_000, data, ...attributes(part) }), sparse, [
      part,
    ]);
  }
  for (const name of ['small/big', 'big']) {
    const entry = made.add({ path: name as BytePath, ...made.contentOf(pieces.map(({ at }) => at)), ...attributes(3) });
    note(
      entry,
      big,
      pieces.map(({ part }) => part),
    );
  }
  for (const directory of directories) {
    note(made.file(`${directory}/zero`, '', attributes(2)), Buffer.alloc(0), []);
    note(made.symlink(`${directory}/to`, '../nowhere'), null, []);
    note(made.add({ path: `${directory}/pipe` as BytePath, type: 'fifo', ...attributes(4) }), null, []);
  }
  return wanted;
}

for (const workers of [0, 2]) {
  for (const harm of ['none', 'damaged', 'missing'] as const) {
    test(`with ${workers} workers, parts ${harm}`, async () => {
      const host = await SyntheticHost.make();
      using sandbox = new Sandbox();
      const made = new SyntheticRun(host);
      const wanted = nastyTree(made);
      const written = await made.write();
      const harmed = harm === 'none' ? [] : [2, 6];
      const whole = new Map<string, Buffer>();
      for (const part of harmed) {
        const key = written.dataKeys[part] ?? '';
        const bytes = Buffer.from((await host.store.get(key)).body);
        whole.set(key, Buffer.from(bytes));
        bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
        if (harm === 'damaged') host.store.overwrite(key, bytes);
        else host.store.remove(key);
      }
      const attempt = async () => {
        const reader = await host.open(written.run);
        return restore({ reader, plan: await planRestore(reader, []), target: sandbox.target, workers });
      };
      const report = await attempt();
      const lost = [...wanted.values()].filter(({ parts }) => parts.some((part) => harmed.includes(part)));
      assert.equal(report.errors.length, lost.length);
      assert.equal(new Set(report.errors.map(({ path }) => path)).size, lost.length);
      assertThere(sandbox, wanted, new Set(lost.map(({ entry }) => entry.path)));
      const files = [...wanted.values()].filter(({ entry }) => entry.type === 'file').length;
      assert.equal(report.files, files - lost.length);

      for (const [key, bytes] of whole) host.store.overwrite(key, bytes);
      const again = await attempt();
      assert.deepEqual(again.errors, []);
      assert.equal(again.files, files);
      assertThere(sandbox, wanted, new Set());
    });
  }
}

function assertThere(sandbox: Sandbox, wanted: Map<BytePath, Wanted>, lost: Set<BytePath>): void {
  const inodes = new Map<BytePath, number>();
  for (const [path, { entry, content }] of wanted) {
    const at = Buffer.concat([Buffer.from(`${sandbox.target}/`), Buffer.from(path, 'latin1')]);
    if (lost.has(path)) {
      assert.equal(existsSync(at), false, path);
      continue;
    }
    const found = lstatSync(at);
    if (entry.type === 'symlink') {
      assert.equal(readlinkSync(at), '../nowhere');
      continue;
    }
    assert.equal(found.mode & 0o7777, entry.mode, path);
    assert.equal(found.mtimeMs, Number(entry.mtime) * 1000, path);
    if (content !== null) assert.ok(readFileSync(at).equals(content), path);
    if (entry.type === 'fifo') assert.ok(found.isFIFO());
    if (entry.link === undefined) continue;
    assert.equal(found.ino, inodes.get(entry.link) ?? found.ino, path);
    inodes.set(entry.link, found.ino);
  }
  const count = Object.keys(sandbox.tree()).length;
  assert.equal(count, wanted.size - lost.size, 'nothing else is there');
}
