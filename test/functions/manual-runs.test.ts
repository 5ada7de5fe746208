/** Runs asked for by hand within one second: each is asked, and none takes the place of another. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isOffsiteError } from '../../contract/errors.ts';
import { dispatchManual, type ManualRun } from '../../functions/dispatch.ts';
import { TestStack } from '../helpers/test-stack.ts';

const NOW = '2026-11-22T15:04:05.200Z';
const second = (seconds: number) => `2026-11-22T15:04:${String(5 + seconds).padStart(2, '0')}Z`;
const full = (host: string, more: Partial<ManualRun> = {}): ManualRun => ({
  host,
  type: 'full',
  deadline: new Date('2026-11-22T23:00:00Z'),
  ...more,
});

async function begin(hosts: Parameters<typeof TestStack.of>[0] = { carcosa: { sets: ['data', 'etc'] }, purr: {} }) {
  const stack = (await TestStack.of(hosts)).at(NOW);
  return { stack, ask: (wanted: ManualRun) => dispatchManual(stack.stack, stack.commands, wanted) };
}

test('of several hosts, types and sets: each has a second, and so a run, of its own', async () => {
  const { stack, ask } = await begin();
  const wanted = [
    full('carcosa'),
    full('purr'),
    full('carcosa', { type: 'incremental' }),
    full('carcosa', { sets: ['etc'] }),
  ];
  for (const [i, one] of wanted.entries()) {
    const { due, nodes, state } = await ask(one);
    assert.deepEqual([state, due, nodes], ['dispatched', second(i), 1]);
  }
  const asked = stack.commands.jobs.map(({ due, type, hosts }) => [
    due,
    type,
    ...Object.entries(hosts).map(([node, sets]) => `${node} ${Object.keys(sets).join()}`),
  ]);
  assert.deepEqual(asked, [
    [second(0), 'full', 'mi-carcosa data,etc'],
    [second(1), 'full', 'mi-purr data'],
    [second(2), 'incremental', 'mi-carcosa data,etc'],
    [second(3), 'full', 'mi-carcosa etc'],
  ]);
});

test('all at once: each host is asked once', async () => {
  const hosts = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`h${i}`, {}]));
  const { stack, ask } = await begin(hosts);
  const answers = await Promise.all(Object.keys(hosts).map((host) => ask(full(host))));
  assert.equal(new Set(answers.map(({ due }) => due)).size, 8);
  assert.deepEqual(
    stack.commands.nodes.toSorted(),
    Object.keys(hosts).map((host) => `mi-${host}`),
  );
});

test('the very same again is the same run, asked once', async () => {
  const { stack, ask } = await begin();
  const first = await ask(full('carcosa'));
  const again = await ask(full('carcosa'));
  assert.deepEqual([again.due, again.nodes, first.nodes], [first.due, 0, 1]);
  assert.deepEqual(stack.commands.nodes, ['mi-carcosa']);
});

test('asked again later, with the due second that was chosen first: the same run, and what is due then is that second', async () => {
  const { stack, ask } = await begin();
  const due = new Date(NOW);
  // Another run has the second already, so that this one has the next.
  await ask(full('purr'));
  const first = await ask(full('carcosa', { due }));
  stack.at('2026-11-22T15:05:30Z');
  const again = await ask(full('carcosa', { due }));
  assert.deepEqual([first.due, again.due, again.nodes], [second(1), second(1), 0]);
  assert.deepEqual(stack.commands.nodes, ['mi-purr', 'mi-carcosa']);
  // Without it, it is one more.
  assert.deepEqual((await ask(full('carcosa'))).due, '2026-11-22T15:05:30Z');
});

test('a due second far from the stack\u2019s own time: refused, naming both', async () => {
  const { stack, ask } = await begin();
  for (const far of ['2026-11-22T13:59:00Z', '2026-11-22T15:20:00Z']) {
    await assert.rejects(
      ask(full('carcosa', { due: new Date(far) })),
      (error) =>
        isOffsiteError(error, 'clock-wrong') &&
        error.message.includes(far) &&
        error.message.includes('2026-11-22T15:04:05Z'),
    );
  }
  assert.deepEqual(stack.commands.nodes, []);
});

test('more than a minute has seconds for: refused, and nobody is asked in another’s place', async () => {
  const hosts = Object.fromEntries(Array.from({ length: 61 }, (_, i) => [`h${i}`, {}]));
  const { stack, ask } = await begin(hosts);
  for (let i = 0; i < 60; i++) await ask(full(`h${i}`));
  await assert.rejects(ask(full('h60')), { code: 'store-throttled' });
  assert.equal(stack.commands.nodes.includes('mi-h60'), false);
});
