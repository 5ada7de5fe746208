import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { BytePath } from '../../../contract/byte-path.ts';
import { planRestore, restore } from '../../../host-agent/restore.ts';
import { secureRandom } from '../../../system/random.ts';
import { faultyStore } from '../../helpers/faulty-store.ts';
import { finishRestore, publish, startRestore } from '../../helpers/restore-process.ts';
import { Sandbox } from '../../helpers/sandbox.ts';
import { SyntheticHost, SyntheticRun } from '../../helpers/synthetic-run.ts';

const host = await SyntheticHost.make();
/** More than may lie between the parts of a directory that is placed whole: `d` gets its files one by one. */
const PARTS = 40;

/** Parts with small files each, and a file with a chunk in every one of them. */
function manyParts(bytes: number): { made: SyntheticRun; whole: Buffer } {
  const made = new SyntheticRun(host);
  const pieces: Buffer[] = [];
  const chunks = [];
  made.directory('d', { mode: 0o755 });
  for (let part = 0; part < PARTS; part++) {
    if (part > 0) made.nextPart();
    for (let i = 0; i < 20; i++) made.file(`d/${part}-${i}`, `${part} ${i}`);
    const piece = secureRandom(bytes);
    pieces.push(piece);
    chunks.push(made.chunk(piece));
  }
  made.add({ path: 'd/whole' as BytePath, ...made.contentOf(chunks) });
  return { made, whole: Buffer.concat(pieces) };
}

for (const workers of [0, 2]) {
  test(`a signal ends it between parts, and the next restore continues, with ${workers} workers`, async () => {
    using sandbox = new Sandbox();
    const { made, whole } = manyParts(1000);
    const { run } = await made.write();
    const store = faultyStore(host.store);
    const reader = await host.open(run, store);
    const plan = await planRestore(reader, []);
    const stop = new AbortController();
    let parts = 0;
    const onProgress = () => {
      if (++parts === 3) stop.abort();
    };
    const job = { reader, plan, target: sandbox.target, workers, memory: 1 };
    await assert.rejects(restore({ ...job, onProgress, signal: stop.signal }), { code: 'interrupted' });
    const tree = sandbox.tree();
    assert.ok(Object.keys(tree).length > 20, 'what is complete stays');
    assert.ok(Object.keys(tree).length < PARTS * 20);
    assert.deepEqual(
      Object.keys(tree).filter((name) => /offsite|whole/.test(name)),
      [],
    );
    assert.equal(statSync(sandbox.path('d')).mode & 0o7777, 0o755, 'directories have their attributes');
    const before = store.calls.length;
    const report = await restore(job);
    assert.deepEqual(report.errors, []);
    assert.ok(report.kept >= 40);
    assert.equal(report.files, PARTS * 20 + 1);
    assert.ok(readFileSync(sandbox.path('d/whole')).equals(whole));
    assert.equal(store.calls.length - before, PARTS, 'the big file needs every part');
  });
}

test('a signal given before it begins', async () => {
  using sandbox = new Sandbox();
  const { made } = manyParts(10);
  const reader = await host.open((await made.write()).run);
  const plan = await planRestore(reader, []);
  const signal = AbortSignal.abort();
  await assert.rejects(restore({ reader, plan, target: sandbox.target, signal }), { code: 'interrupted' });
  assert.deepEqual(sandbox.tree(), {});
});

test('killed at several moments, and continued', async () => {
  using sandbox = new Sandbox();
  const { made, whole } = manyParts(2 * 2 ** 20);
  const { run } = await made.write();
  const job = { ...(await publish(host, `${sandbox.root}/store`)), run, target: sandbox.target, workers: 2 };
  for (const files of [1, 70, 150]) {
    const child = startRestore(job);
    const ended = new Promise((resolve) => child.on('close', resolve));
    while (child.exitCode === null && namesIn(sandbox).length < files) await setTimeout(1);
    child.kill('SIGKILL');
    await ended;
    for (const name of namesIn(sandbox)) {
      const [, part, i] = /^(\d+)-(\d+)$/.exec(name) ?? [];
      if (part !== undefined) assert.equal(sandbox.read(`d/${name}`), `${part} ${i}`, 'a name means a complete file');
    }
  }
  const report = await finishRestore(startRestore(job));
  assert.deepEqual(report.errors, []);
  assert.ok(readFileSync(sandbox.path('d/whole')).equals(whole));
  assert.equal(Object.keys(sandbox.tree()).length, PARTS * 20 + 2, 'nothing is left of the attempts');
});

test('killed while directories are filled beside their places', async () => {
  using sandbox = new Sandbox();
  const made = new SyntheticRun(host);
  made.directory('near', { mode: 0o755 });
  for (let part = 0; part < 2; part++) {
    if (part > 0) made.nextPart();
    made.directory(`near/${part}`, { mode: 0o755 });
    for (let i = 0; i < 1500; i++) made.file(`near/${part}/${i}`, `${part} ${i}`);
  }
  const { run } = await made.write();
  const job = { ...(await publish(host, `${sandbox.root}/store`)), run, target: sandbox.target, workers: 2 };
  // How many files are in the first directory that is hidden, which may move while it is looked at.
  const hidden = () => {
    const [name] = readdirSync(sandbox.root).includes('target') ? readdirSync(sandbox.target).sort() : [];
    const first = `${name}/0`;
    return name?.startsWith('.offsite') && existsSync(sandbox.path(first))
      ? readdirSync(sandbox.path(first)).length
      : 0;
  };
  const child = startRestore(job);
  const ended = new Promise((resolve) => child.on('close', resolve));
  while (child.exitCode === null && hidden() < 20) await setTimeout(1);
  child.kill('SIGKILL');
  await ended;
  assert.ok(hidden() >= 20, 'it was killed in the middle');
  assert.deepEqual(
    Object.keys(sandbox.tree()).filter((name) => !name.startsWith('.')),
    ['near'],
    'nothing has its name yet',
  );
  const report = await finishRestore(startRestore(job));
  assert.deepEqual(report.errors, []);
  assert.equal(report.files, 3000);
  assert.equal(sandbox.read('near/1/1499'), '1 1499');
  assert.equal(Object.keys(sandbox.tree()).length, 3003, 'nothing is left of the attempt');
  assert.equal(statSync(sandbox.path('near')).mode & 0o7777, 0o755);
});

const namesIn = (sandbox: Sandbox): string[] => {
  const directory = sandbox.path('d');
  return existsSync(directory) ? readdirSync(directory) : [];
};
