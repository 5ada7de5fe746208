/**
 * The source changes, vanishes and fails under the agent's eyes. One entry is the price at most; what could not be read
 * is said, is never passed over in silence, and is read again the next time.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { RunResult } from '../../../host-agent/run/outcome.ts';
import { assertSameTree, assertSound, restored, type Tree, treeOf } from '../../helpers/agent-check.ts';
import type { Call, Saboteur } from '../../helpers/agent-faults.ts';
import { AgentHost, SET } from '../../helpers/agent-host.ts';
import { noise } from '../../helpers/agent-random.ts';

/** Larger than two windows of the reader, so that a change in the middle meets it between two reads. */
const BIG = noise('big', 9 * 2 ** 20);

function prepare(): AgentHost {
  const host = new AgentHost();
  // The largest file, so that no gate minds what becomes of the others.
  host.write({ 'a/before': noise('before', 50_000), 'b/it': 'it, as the scan sees it', 'c/behind': 'behind' });
  return host;
}

/** Does something once, at the n-th call of that name to that file. */
function once(name: string, file: string, when: 'before' | 'after', does: () => void, n = 1): Saboteur {
  let count = 0;
  return {
    [when]: (call: Call) => {
      if (call.name === name && call.path === file && ++count === n) does();
      return undefined;
    },
  };
}

const failing = (name: string, file: string, errno: string, n = 1): Saboteur => {
  let count = 0;
  return { before: (call) => (call.name === name && call.path === file && ++count >= n ? { errno } : undefined) };
};

/** Times of directories aside: those were seen before what happened in them. */
async function expectRestored(host: AgentHost, run: string | null | undefined) {
  const withoutTimes = (tree: Tree) =>
    Object.fromEntries(
      Object.entries(tree).map(([path, { what, mtime }]) => [
        path,
        { what, mtime: what.startsWith('directory') ? 0n : mtime },
      ]),
    );
  await restored(host.place(), run ?? '', host.operator, (folder, report) => {
    assert.deepEqual(report.errors, []);
    assertSameTree(withoutTimes(treeOf(join(folder, host.source))), withoutTimes(treeOf(host.source)));
  });
}

const warningsOf = (result: RunResult | undefined) =>
  (result?.manifest?.warnings ?? []).map(({ code, count }) => `${code} ${count}`).join();

/** What a file may have become when it is opened: what happens, and the warnings that the run has then. */
const TURNS: Record<string, [does: (file: string, host: AgentHost) => void, warnings: string]> = {
  'has shrunk': [(file) => truncateSync(file, 5), ''],
  'has grown': [(file) => appendFileSync(file, ' and more'), ''],
  'was emptied': [(file) => truncateSync(file, 0), ''],
  'was replaced': [
    (file) => {
      writeFileSync(`${file}.new`, 'another one');
      renameSync(`${file}.new`, file);
    },
    '',
  ],
  'has vanished': [(file) => unlinkSync(file), 'vanished 1'],
  'is a FIFO': [
    (file) => {
      unlinkSync(file);
      execFileSync('mkfifo', [file]);
    },
    '',
  ],
  'is a symlink': [
    (file) => {
      unlinkSync(file);
      symlinkSync('../a/before', file);
    },
    '',
  ],
  'is a directory': [
    (file) => {
      unlinkSync(file);
      mkdirSync(file);
    },
    '',
  ],
  'lies in what is a file now': [
    (file) => {
      rmSync(join(file, '..'), { recursive: true });
      writeFileSync(join(file, '..'), 'a file');
    },
    'vanished 1',
  ],
  'cannot be opened any more': [(file) => chmodSync(file, 0o000), process.getuid?.() === 0 ? '' : 'unreadable 1'],
};

describe('between lstat and open a file', () => {
  for (const [what, [does, warnings]] of Object.entries(TURNS)) {
    for (const incremental of [false, true]) {
      it(`${what}, in ${incremental ? 'an incremental' : 'a full'}`, async () => {
        using host = prepare();
        const file = join(host.source, 'b/it');
        if (incremental) {
          await host.good();
          host.write({ 'b/it': 'it, changed for the incremental' });
        }
        const [result] = (await host.run({ saboteur: once('open', file, 'before', () => does(file, host)) })).results;
        assert.equal(warningsOf(result), warnings);
        assert.equal(result?.outcome, warnings.startsWith('unreadable') ? 'partial' : 'complete');
        await assertSound(host.place());
        if (what === 'lies in what is a file now') {
          // The directory was seen when it still was one.
          await expectRestoredFiles(host, result?.run, ['a/before', 'c/behind']);
        } else if (result?.outcome === 'complete') {
          await expectRestored(host, result.run);
        }
        const next = await host.good();
        assert.equal(next.result.manifest?.actual, 'incremental');
        await host.assertSound();
      });
    }
  }
});

async function expectRestoredFiles(host: AgentHost, run: string | null | undefined, files: string[]) {
  const tree = treeOf(host.source);
  await restored(host.place(), run ?? '', host.operator, (folder, report) => {
    assert.deepEqual(report.errors, []);
    const back = treeOf(join(folder, host.source));
    for (const file of files) assert.equal(back[file]?.what, tree[file]?.what, file);
  });
}

describe('while it is read a file', () => {
  const CHANGES: Record<string, (file: string, turn: number) => void> = {
    shrinks: (file, turn) => truncateSync(file, 5_000_000 - turn),
    'is emptied': (file) => truncateSync(file, 0),
    grows: (file) => appendFileSync(file, 'more'),
    'is overwritten': (file, turn) => writeFileSync(file, Buffer.alloc(BIG.length, `${turn}`)),
    'is touched': (file, turn) => utimesSync(file, 1_000_000 + turn, 1_000_000 + turn),
  };
  for (const [what, does] of Object.entries(CHANGES)) {
    it(`${what} once: it is read once more`, async () => {
      using host = prepare();
      host.write({ 'b/it': BIG });
      const file = join(host.source, 'b/it');
      const [result] = (await host.run({ saboteur: once('read', file, 'after', () => does(file, 0)) })).results;
      assert.equal(result?.outcome, 'complete');
      assert.equal(warningsOf(result), '');
      await expectRestored(host, result.run);
    });

    it(`${what} again and again: it is kept as unstable, and read again next time`, async () => {
      using host = prepare();
      host.write({ 'b/it': BIG });
      const file = join(host.source, 'b/it');
      let turn = 0;
      const saboteur: Saboteur = {
        after: (call) => {
          if (call.name === 'read' && call.path === file && turn < 8) does(file, ++turn);
          return undefined;
        },
      };
      const [result] = (await host.run({ saboteur })).results;
      assert.equal(result?.outcome, 'complete');
      assert.ok(['unstable 1', ''].includes(warningsOf(result)));
      await restored(host.place(), result.run ?? '', host.operator, (folder, { errors }) => {
        assert.deepEqual(errors, []);
        assert.ok(treeOf(join(folder, host.source))['b/it']);
      });
      await host.good();
      await host.assertSound();
    });
  }
});

/** Only what fails in its middle must be large. */
const contentFor = (what: string) => (what.includes('middle') ? BIG : noise('it', 40_000));

describe('a file that cannot be read', () => {
  const FAULTS: [string, (file: string) => Saboteur][] = [
    ['fails at once', (file) => failing('read', file, 'EIO')],
    ['fails in the middle', (file) => failing('read', file, 'EIO', 2)],
    ['fails when it is opened', (file) => failing('open', file, 'EIO')],
    ['may not be opened', (file) => failing('open', file, 'EACCES')],
    ['fails when its open handle is looked at', (file) => failing('fstat', file, 'ESTALE')],
    ['fails when it is looked at after reading', (file) => failing('fstat', file, 'EIO', 2)],
    ['fails at lstat', (file) => failing('lstat', file, 'EIO')],
  ];
  for (const [what, fault] of FAULTS) {
    it(`${what}: partial, without content; then complete`, async () => {
      using host = prepare();
      const content = contentFor(what);
      host.write({ 'b/it': content });
      const file = join(host.source, 'b/it');
      const [result] = (await host.run({ saboteur: fault(file) })).results;
      assert.equal(result?.error?.message, undefined);
      assert.equal(result?.outcome, 'partial');
      assert.equal(warningsOf(result), 'unreadable 1');
      await expectRestoredWithout(host, result.run, 'b/it');
      // Still broken: nothing is invented.
      const [again] = (await host.run({ saboteur: fault(file) })).results;
      assert.equal(again?.outcome, 'partial');
      await expectRestoredWithout(host, again.run, 'b/it');
      const next = await host.good();
      assert.equal(next.result.manifest?.actual, 'incremental', 'a partial run is a base');
      await host.assertSound();
    });

    it(`${what}, and was read before: its older content, said to be stale; then complete`, async () => {
      using host = prepare();
      const content = contentFor(what);
      host.write({ 'b/it': content });
      await host.good();
      const old = treeOf(host.source)['b/it'];
      host.write({ 'b/it': Buffer.concat([Buffer.from(what), content]) });
      const file = join(host.source, 'b/it');
      for (let turn = 1; turn <= 2; turn++) {
        const [result] = (await host.run({ saboteur: fault(file) })).results;
        assert.equal(result?.outcome, 'partial');
        await restored(host.place(), result.run ?? '', host.operator, (folder, report) => {
          assert.equal(report.verified, false);
          assert.match(report.errors.map(({ message }) => message).join(), /older content|could not read/);
          const back = treeOf(join(folder, host.source))['b/it'];
          assert.equal(back?.what, old?.what, 'the older content');
        });
      }
      await host.good();
      await host.assertSound();
    });
  }
});

async function expectRestoredWithout(host: AgentHost, run: string | null, path: string) {
  await restored(host.place(), run ?? '', host.operator, (folder, report) => {
    const back = treeOf(join(folder, host.source));
    assert.equal(back[path], undefined);
    assert.ok(back['a/before'] && back['c/behind']);
    assert.equal(report.errors.filter(({ code }) => code !== 'restore-incomplete').length, 0, JSON.stringify(report));
  });
}

describe('a directory that cannot be listed', () => {
  for (const [what, name] of [
    ['listed', 'readdir'],
    ['looked at', 'lstat'],
  ] as const) {
    it(`or ${what}: partial, and what was in it is not taken for deleted`, async () => {
      using host = prepare();
      host.write({ 'b/sub/deep': 'deep', 'b/zz': 'last in it' });
      const { run } = await host.good();
      host.write({ 'c/new': 'new' });
      for (let turn = 1; turn <= 2; turn++) {
        const saboteur = failing(name, join(host.source, 'b'), 'EIO');
        const [result] = (await host.run({ saboteur })).results;
        assert.equal(result?.outcome, 'partial');
        assert.equal(warningsOf(result), 'unreadable 1');
        await restored(host.place(), result.run ?? '', host.operator, (folder, report) => {
          const inIt = ['b', 'b/it', 'b/sub', 'b/sub/deep', 'b/zz'];
          const found = report.errors.map(({ path }) => path.replace(/^.*?\/source\//, ''));
          assert.deepEqual(found.sort(), inIt);
          const back = treeOf(join(folder, host.source));
          for (const path of inIt) assert.equal(back[path]?.what, host.trees.get(run)?.[path]?.what, path);
          assert.ok(back['c/behind'] && back['c/new']);
        });
      }
      rmSync(join(host.source, 'b/sub'), { recursive: true });
      const next = await host.good();
      assert.equal(next.result.manifest?.counts.newBytes, 0, 'nothing is stored again');
      await host.assertSound();
    });
  }

  it('has vanished when it is to be listed: it is empty', async () => {
    using host = prepare();
    await host.good();
    const gone = () => rmSync(join(host.source, 'b'), { recursive: true });
    const [result] = (await host.run({ saboteur: once('readdir', join(host.source, 'b'), 'before', gone) })).results;
    assert.equal(result?.outcome, 'complete');
    await host.good();
    await host.assertSound();
  });
});

describe('a root', () => {
  it('that has vanished fails the run, which is in the ledger and is no base', async () => {
    using host = prepare();
    await host.good();
    renameSync(host.source, `${host.source}.gone`);
    const [result] = (await host.run()).results;
    assert.equal(result?.outcome, 'failed');
    assert.equal(result?.error?.code, 'source-missing');
    assert.equal(result?.manifest?.outcome, 'failed');
    renameSync(`${host.source}.gone`, host.source);
    const next = await host.good();
    assert.equal(next.result.manifest?.sequence, 3);
    assert.equal(next.result.manifest?.actual, 'incremental');
    await host.assertSound();
  });

  it('that was emptied makes the run suspect, and the next one builds on the last good one', async () => {
    using host = prepare();
    const { run } = await host.good();
    renameSync(host.source, `${host.source}.full`);
    mkdirSync(host.source);
    const [result] = (await host.run()).results;
    assert.equal(result?.outcome, 'suspect');
    const failed = result?.manifest?.gates.filter(({ ok }) => !ok).map(({ gate }) => gate);
    assert.deepEqual(failed, ['minFiles', 'path:1', 'maxShrink']);
    rmSync(host.source, { recursive: true });
    renameSync(`${host.source}.full`, host.source);
    for (const standalone of [true, false]) {
      const next = await host.good({ standalone });
      assert.equal(next.result.manifest?.actual, 'incremental');
      if (standalone) assert.equal(next.result.manifest?.base?.run, run);
    }
    await host.assertSound();
  });

  it('that cannot be listed fails the run', async () => {
    using host = prepare();
    const [result] = (await host.run({ saboteur: failing('readdir', host.source, 'EIO') })).results;
    assert.equal(result?.error?.code, 'source-missing');
    await host.good();
    await host.assertSound();
  });

  it('that is a file, and one that is a symlink, are what they are', async () => {
    using host = prepare();
    host.config = host.configWith({ [SET]: { paths: [join(host.source, 'a/before'), join(host.source, 'b')] } });
    const [result] = (await host.run()).results;
    assert.equal(result?.outcome, 'complete');
    assert.equal(result?.manifest?.counts.files, 2);
  });
});

it('a file that says it is empty and is not, as those of /proc, is kept with a warning', async () => {
  using host = prepare();
  host.config = host.configWith({ [SET]: { paths: [host.source, '/proc/version'] } });
  const [result] = (await host.run()).results;
  assert.equal(result?.outcome, 'complete');
  assert.equal(warningsOf(result), 'unstable 1');
  await restored(host.place(), result.run ?? '', host.operator, (folder, report) => {
    assert.deepEqual(report.errors, []);
    assert.deepEqual(readFileSync(join(folder, 'proc/version')), readFileSync('/proc/version'));
  });
});

describe('a file of two names', () => {
  it('that is written to between them is read again, also when the first name is left out then', async () => {
    using host = prepare();
    linkSync(join(host.source, 'b/it'), join(host.source, 'd'));
    const file = join(host.source, 'd');
    const write = () => writeFileSync(file, 'written to between its two names');
    await host.run({ saboteur: once('lstat', file, 'before', write) });
    host.config = host.configWith({ [SET]: { paths: [host.source], exclude: ['b/'] } });
    const [result] = (await host.run()).results;
    await restored(host.place(), result?.run ?? '', host.operator, (folder) => {
      assert.equal(treeOf(join(folder, host.source)).d?.what, treeOf(host.source).d?.what);
    });
  });

  it('keeps its content when the first name goes', async () => {
    using host = prepare();
    linkSync(join(host.source, 'b/it'), join(host.source, 'd'));
    await host.good();
    unlinkSync(join(host.source, 'b/it'));
    await host.good();
    linkSync(join(host.source, 'd'), join(host.source, 'a/again'));
    await host.good();
    await host.assertSound();
  });
});
