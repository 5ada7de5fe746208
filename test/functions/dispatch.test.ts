import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MAX_JOB_BYTES } from '../../contract/job.ts';
import { objectKey } from '../../contract/keys.ts';
import { expectedKind, sentKind } from '../../contract/verdict.ts';
import { dispatch, dispatchManual } from '../../functions/dispatch.ts';
import { readDocument } from '../../functions/lib/documents.ts';
import { parseSlotComment, slotComment } from '../../functions/ports/commands.ts';
import { batchesOf } from '../../functions/rules/batches.ts';
import { slotAt } from '../../functions/rules/slots.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const DUE = '2026-11-22T04:00:00Z';
const names = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`host${i}`, {}]));

/** Hosts that never run need no keys. */
async function stackOfMany(count: number, sets = ['data']): Promise<TestStack> {
  const stack = await TestStack.of({ carcosa: {} });
  stack.at('2026-11-21T12:00:00Z');
  const hosts = Object.fromEntries(Object.keys(names(count)).map((name) => [name, { sets }]));
  await stack.apply(fleetFile(hosts));
  return stack.at('2026-11-22T04:00:20Z');
}
const firing = (time = DUE) => ({ policy: 'nightly', type: 'incremental', time: new Date(time) }) as const;
const expectedOf = async ({ memory }: TestStack) =>
  (await readDocument(memory, objectKey({ kind: 'expected', due: new Date(DUE), policy: 'nightly' }), expectedKind))
    .document;
const sentOf = async ({ memory }: TestStack, number: number) =>
  (await readDocument(memory, objectKey({ kind: 'sent', due: new Date(DUE), policy: 'nightly', number }), sentKind))
    .document;

describe('dispatch', () => {
  test('claims the slot, asks every host, and marks that it did', async () => {
    const stack = await TestStack.of(
      { carcosa: {}, purr: { sets: ['etc', 'var'] } },
      { nightly: { ...NIGHTLY, splay: '30m' } },
    );
    const result = await stack.at('2026-11-22T04:00:20Z').dispatch(DUE);
    assert.deepEqual(result, {
      state: 'dispatched',
      policy: 'nightly',
      due: DUE,
      commands: ['command-1'],
      nodes: 2,
      unknown: [],
      errors: [],
    });
    assert.deepEqual(stack.commands.nodes, ['mi-carcosa', 'mi-purr']);
    const [sent] = stack.commands.sent;
    assert.equal(sent?.deadline.toISOString(), '2026-11-22T12:00:00.000Z');
    assert.deepEqual(parseSlotComment(sent?.comment ?? ''), { policy: 'nightly', due: DUE, batch: 0 });
    const nothing = { base: null, head: null };
    assert.deepEqual(stack.commands.jobs, [
      {
        ...{ v: 1, policy: 'nightly', due: DUE, type: 'incremental', deadline: '2026-11-22T12:00:00Z', splay: 1800 },
        hosts: { 'mi-carcosa': { data: nothing }, 'mi-purr': { etc: nothing, var: nothing } },
      },
    ]);
    assert.deepEqual((await expectedOf(stack))?.batches, [
      [
        { host: 'carcosa', node: 'mi-carcosa', sets: ['data'] },
        { host: 'purr', node: 'mi-purr', sets: ['etc', 'var'] },
      ],
    ]);
    assert.deepEqual((await sentOf(stack, 0))?.commands, [{ command: 'command-1', nodes: ['mi-carcosa', 'mi-purr'] }]);
  });

  test('tells each set its base and its head', async () => {
    const stack = await TestStack.of();
    const first = await stack.goodRun('2026-11-20T04:00:00Z');
    const second = await stack.goodRun('2026-11-21T04:00:00Z', { bytes: 1 });
    await stack.at('2026-11-22T04:00:20Z').dispatch(DUE);
    assert.deepEqual(stack.commands.jobs[0]?.hosts['mi-carcosa']?.data, {
      base: { run: first.run, payload: first.payloadHash },
      head: { run: second.run, payload: second.payloadHash, sequence: 2 },
    });
  });

  test('fired twice sends once, also at the same time and by another invocation', async () => {
    const stack = await TestStack.of();
    stack.at('2026-11-22T04:00:20Z');
    await stack.dispatch(DUE);
    stack.restart();
    const again = await stack.at('2026-11-22T09:00:00Z').dispatch(DUE);
    assert.deepEqual([again.state, again.commands, again.errors], ['dispatched', [], []]);
    assert.equal(stack.commands.sent.length, 1);

    const racing = await TestStack.of();
    racing.at('2026-11-22T04:00:20Z');
    const results = await Promise.all([racing.dispatch(DUE), racing.dispatch(DUE), racing.dispatch(DUE)]);
    assert.deepEqual(
      results.flatMap(({ errors }) => errors),
      [],
    );
    assert.ok(racing.commands.sent.length >= 1);
    assert.deepEqual([...new Set(racing.commands.sent.map(({ payload }) => payload))].length, 1);
  });

  test('takes the last due minute at or before the event, be it the very instant', async () => {
    for (const time of [DUE, '2026-11-22T04:00:59.999Z', '2026-11-22T04:07:00Z']) {
      const stack = await TestStack.of();
      assert.equal((await stack.at('2026-11-22T04:10:00Z').dispatch(time)).due, DUE, time);
    }
  });

  test('refuses a slot whose deadline has passed: audit has spoken', async () => {
    const stack = await TestStack.of();
    const result = await stack.at('2026-11-22T12:00:00Z').dispatch(DUE);
    assert.deepEqual([result.state, stack.commands.sent.length, await expectedOf(stack)], ['too-late', 0, null]);
    assert.equal((await stack.at('2026-11-22T11:59:59Z').dispatch(DUE)).state, 'dispatched');
  });

  test('asks nobody where the schedule does not', async () => {
    const stack = await TestStack.of({ carcosa: {} }, { nightly: { ...NIGHTLY, full: 'cron(0 4 22 * ? *)' } });
    stack.at('2026-11-22T04:00:20Z');
    assert.equal((await stack.dispatch(DUE)).state, 'not-due');
    assert.equal((await stack.dispatch(DUE, 'weekly')).state, 'not-due');
    assert.equal((await stack.dispatch(DUE, 'constructor')).state, 'not-due');
    assert.equal((await stack.dispatch(DUE, 'nightly', 'full')).state, 'dispatched');
    assert.equal(stack.commands.jobs[0]?.type, 'full');
  });

  test('has nothing to go by without a fleet file', async () => {
    const stack = await TestStack.of();
    const result = await stack.at('2026-11-19T11:00:00Z').dispatch('2026-11-19T04:00:00Z');
    assert.equal(result.state, 'no-fleet-file');
  });

  test('goes by the fleet file of the due minute, whatever was applied since', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await stack.at('2026-11-22T04:00:10Z').apply(fleetFile({ purr: {} }));
    await stack.at('2026-11-22T04:00:20Z').dispatch(DUE);
    assert.deepEqual(stack.commands.nodes, ['mi-carcosa', 'mi-purr']);
    const next = await stack.at('2026-11-23T04:00:20Z').dispatch('2026-11-23T04:00:00Z');
    assert.equal(next.nodes, 1);
  });
});

describe('many hosts', () => {
  test('go in batches of at most 50 nodes and of jobs that fit', async () => {
    const stack = await stackOfMany(120);
    for (const [i, name] of ['host0', 'host119'].entries())
      stack.memory.overwrite(`latest/${name}/data.json`, Buffer.from(JSON.stringify(latestOf(name, i + 1))));
    const { nodes, errors } = await stack.dispatch(DUE);
    assert.deepEqual([nodes, errors], [120, []]);
    assert.deepEqual(new Set(stack.commands.nodes).size, 120);
    for (const { payload, nodes: some } of stack.commands.sent)
      assert.ok(payload.length <= MAX_JOB_BYTES && some.length <= 50);
    assert.deepEqual(
      stack.commands.sent.map(({ comment }) => parseSlotComment(comment)?.batch),
      stack.commands.sent.map((_, i) => i),
    );
  });

  test('with the longest names, bases and heads there can be still fit, and each set is asked once', () => {
    const long = (i: number) => `${'h'.repeat(58)}${String(i).padStart(5, '0')}`;
    const hosts = Object.fromEntries(
      Array.from({ length: 60 }, (_, i) => [
        long(i),
        {
          node: `n${'x'.repeat(122)}${String(i).padStart(5, '0')}`,
          sets: Array.from({ length: i + 1 }, (_, j) => `${'s'.repeat(29)}${String(j).padStart(3, '0')}`),
        },
      ]),
    );
    return stackOfHosts(hosts).then(async (stack) => {
      for (const [host, { sets }] of Object.entries(hosts)) {
        for (const set of sets)
          stack.memory.overwrite(
            `latest/${host}/${set}.json`,
            Buffer.from(JSON.stringify(latestOf(host, Number.MAX_SAFE_INTEGER, set))),
          );
      }
      assert.deepEqual((await stack.dispatch(DUE)).errors, []);
      for (const { payload, nodes } of stack.commands.sent)
        assert.ok(payload.length <= MAX_JOB_BYTES && nodes.length <= 50);
      const asked = stack.commands.jobs.flatMap(({ hosts: some }) =>
        Object.entries(some).flatMap(([node, sets]) => Object.keys(sets).map((set) => `${node} ${set}`)),
      );
      assert.deepEqual([asked.length, new Set(asked).size], [1830, 1830]);
      assert.ok(
        stack.commands.jobs.some(({ hosts: some }) =>
          Object.values(some).some((sets) => Object.values(sets).every(({ base, head }) => base && head)),
        ),
      );
    });
  });

  test('batches do not depend on what is known of the sets, so that a batch is the same whenever it is sent', async () => {
    const stack = await stackOfMany(70);
    const { rulings } = await stack.stack.fleets.history(new Date(DUE));
    const slot = slotAt(rulings[0]?.fleet as never, 'nightly', new Date(DUE));
    assert.deepEqual((await stack.dispatch(DUE)).errors, []);
    assert.deepEqual((await expectedOf(stack))?.batches, batchesOf(slot as never));
  });
});

describe('a dispatch that dies', () => {
  test('after the claim: the next firing sends everything', async () => {
    const stack = await stackOfMany(120);
    stack.commands.beforeSend = () => {
      throw new Error('killed');
    };
    const died = await stack.dispatch(DUE);
    assert.deepEqual([died.commands, died.errors.length > 0], [[], true]);
    assert.notEqual(await expectedOf(stack), null);
    stack.commands.beforeSend = () => {};
    assert.equal((await stack.dispatch(DUE)).nodes, 120);
    assert.equal(new Set(stack.commands.nodes).size, 120);
  });

  test('between batches: the next firing sends the others', async () => {
    const stack = await stackOfMany(120);
    let sends = 0;
    stack.commands.beforeSend = () => {
      if (++sends > 2) throw new Error('killed');
    };
    const first = await stack.dispatch(DUE);
    assert.equal(first.commands.length, 2);
    stack.commands.beforeSend = () => {};
    const second = await stack.dispatch(DUE);
    assert.equal(first.nodes + second.nodes, 120);
    assert.equal(stack.commands.nodes.length, 120);
  });

  test('between sending and marking: that batch is sent twice, and no other', async () => {
    const stack = await stackOfMany(120);
    const faults = [{ operation: 'put', key: /sent\/1\.json$/, does: 'fail' }] as const;
    const { errors } = await dispatch(stack.over(faultyStore(stack.memory, { faults })), stack.commands, firing());
    assert.equal(errors.length, 1);
    const twice = (await expectedOf(stack))?.batches[1]?.length ?? 0;
    assert.equal((await stack.dispatch(DUE)).nodes, twice);
    assert.equal(stack.commands.nodes.length, 120 + twice);
  });

  test('whose claim got through unheard goes on with it', async () => {
    const stack = await stackOfMany(3);
    const faults = [{ operation: 'put', key: /expected\.json$/, does: 'lose-reply', code: 'store-exists' }] as const;
    const { errors, nodes } = await dispatch(
      stack.over(faultyStore(stack.memory, { faults })),
      stack.commands,
      firing(),
    );
    assert.deepEqual([errors, nodes], [[], 3]);
  });

  test('whose mark or claim is damaged is done again', async () => {
    const stack = await stackOfMany(3);
    await stack.dispatch(DUE);
    stack.memory.overwrite(
      objectKey({ kind: 'sent', due: new Date(DUE), policy: 'nightly', number: 0 }),
      Buffer.from('{'),
    );
    assert.deepEqual((await stack.dispatch(DUE)).errors, []);
    assert.equal(stack.commands.nodes.length, 6);
    stack.memory.overwrite(objectKey({ kind: 'expected', due: new Date(DUE), policy: 'nightly' }), Buffer.from('{'));
    assert.deepEqual((await stack.dispatch(DUE)).errors, []);
    assert.equal((await expectedOf(stack))?.batches[0]?.length, 3);
  });
});

describe('nodes that cannot be asked', () => {
  const MESSAGE = 'UNKNOWN NODE host7 since 2026-11-22 04:00 UTC: node mi-host7';

  test('are looked up first, left out, and told at once, once', async () => {
    const stack = await stackOfMany(60);
    stack.commands.unknown.add('mi-host7');
    const result = await stack.dispatch(DUE);
    assert.deepEqual([result.nodes, result.unknown, result.errors], [59, ['mi-host7'], []]);
    assert.ok(stack.commands.lookups.every((nodes) => nodes.length <= 50));
    const [mail] = stack.notifier.published;
    assert.equal(mail?.critical, true);
    assert.match(mail?.email ?? '', /does not know this node id/);
    assert.deepEqual(stack.messages(), [MESSAGE]);
    assert.deepEqual(
      (await sentOf(stack, 0))?.unknown.map(({ node }) => node),
      ['mi-host7'],
    );
    await stack.dispatch(DUE);
    assert.deepEqual(stack.messages(), []);
    assert.equal((await stack.problem('unknown-node', 'host7', null))?.furtherCount, 0);
  });

  test('that the service refuses although it knows them are found by halving; all others are asked', async () => {
    const stack = await stackOfMany(60);
    for (const node of ['mi-host7', 'mi-host8', 'mi-host31']) stack.commands.refused.add(node);
    const result = await stack.dispatch(DUE);
    assert.deepEqual([result.nodes, result.unknown.toSorted()], [57, ['mi-host31', 'mi-host7', 'mi-host8']]);
    assert.equal(new Set(stack.commands.nodes).size, 57);
    assert.equal(stack.commands.nodes.length, 57);
    assert.deepEqual(stack.messages(), ['3 UNKNOWN NODE since 2026-11-22 04:00 UTC: host31, host7, host8']);
  });

  test('a lookup that fails costs no backup', async () => {
    const stack = await stackOfMany(10);
    stack.commands.unknown.add('mi-host7');
    stack.commands.beforeLookup = () => {
      throw new Error('ThrottlingException');
    };
    const result = await stack.dispatch(DUE);
    assert.deepEqual([result.nodes, result.unknown, result.errors], [9, ['mi-host7'], []]);
  });

  test('are told by the next firing where the first one died before it could', async () => {
    const stack = await stackOfMany(10);
    stack.commands.unknown.add('mi-host7');
    const faults = [{ operation: 'put', key: /^alerts/, does: 'fail' }] as const;
    const { errors } = await dispatch(stack.over(faultyStore(stack.memory, { faults })), stack.commands, firing());
    assert.equal(errors.length, 1);
    assert.deepEqual(stack.messages(), []);
    await stack.dispatch(DUE);
    assert.deepEqual(stack.messages(), [MESSAGE]);
  });

  test('end with the first accepted run of the host', async () => {
    const stack = await TestStack.of();
    stack.commands.unknown.add('mi-carcosa');
    await stack.at('2026-11-22T04:00:20Z').dispatch(DUE);
    stack.messages();
    await stack.goodRun('2026-11-21T04:00:00Z');
    assert.deepEqual(stack.messages(), []);
    await stack.goodRun('2026-11-23T04:00:00Z');
    assert.deepEqual(stack.messages(), []);
    await stack.audit();
    const end = 'GOOD AGAIN carcosa, was UNKNOWN NODE since 2026-11-22 04:00 UTC';
    assert.deepEqual(
      stack.messages().filter((subject) => subject.startsWith('GOOD AGAIN')),
      [end],
    );
  });
});

describe('one host’s trouble', () => {
  test('a batch that fails keeps no other from being sent', async () => {
    const stack = await stackOfMany(120);
    stack.commands.beforeSend = ({ nodes }) => {
      if (nodes.includes('mi-host3')) throw new Error('InternalServerError');
    };
    const { errors, nodes } = await stack.dispatch(DUE);
    assert.equal(errors.length, 1);
    assert.equal(nodes, 120 - ((await expectedOf(stack))?.batches[0]?.length ?? 0));
  });

  test('a record that cannot be read is reported, and its host makes a full', async () => {
    const stack = await stackOfMany(3);
    stack.memory.overwrite('latest/host1/data.json', Buffer.from('{'));
    const damaged = await stack.dispatch(DUE);
    assert.deepEqual([damaged.nodes, damaged.errors.length], [3, 1]);
    assert.deepEqual(stack.commands.jobs[0]?.hosts['mi-host1'], { data: { base: null, head: null } });

    const throttled = await stackOfMany(3);
    const faults = [{ operation: 'get', key: /latest\/host2/, does: 'fail', code: 'store-throttled' }] as const;
    const result = await dispatch(
      throttled.over(faultyStore(throttled.memory, { faults })),
      throttled.commands,
      firing(),
    );
    assert.deepEqual([result.nodes, result.errors.length], [3, 1]);
  });
});

describe('a manual run', () => {
  test('is a slot of policy manual, due now to the second, for one host', async () => {
    const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] }, purr: {} });
    stack.at('2026-11-22T15:04:05.678Z');
    const deadline = new Date('2026-11-22T23:00:00Z');
    const result = await dispatchManual(stack.stack, stack.commands, {
      host: 'carcosa',
      sets: ['etc'],
      type: 'full',
      deadline,
    });
    assert.deepEqual([result.policy, result.due, result.nodes], ['manual', '2026-11-22T15:04:05Z', 1]);
    assert.deepEqual(Object.keys(stack.commands.jobs[0]?.hosts['mi-carcosa'] ?? {}), ['etc']);
    const run = await stack.host().backUp({ set: 'etc', slot: { policy: 'manual', due: '2026-11-22T15:04:05Z' } });
    await stack.completeRun(run);
    assert.equal(
      (await stack.verdict({ due: '2026-11-22T15:04:05Z', policy: 'manual', set: 'etc' }))?.outcome,
      'complete',
    );
    await assert.rejects(dispatchManual(stack.stack, stack.commands, { host: 'nobody', type: 'full', deadline }), {
      code: 'host-unknown',
    });
  });
});

test('a comment names its slot, and other comments name none', () => {
  const slot = { policy: 'nightly', due: DUE, batch: 12 };
  assert.deepEqual(parseSlotComment(slotComment(slot)), slot);
  assert.ok(slotComment({ policy: 'p'.repeat(24), due: DUE, batch: 999_999 }).length <= 100);
  for (const comment of ['', 'offsite nightly', `${slotComment(slot)} `, 'Offsite nightly 2026-11-22T04:00:00Z 1'])
    assert.equal(parseSlotComment(comment), null);
});

async function stackOfHosts(hosts: Parameters<typeof fleetFile>[0]): Promise<TestStack> {
  const stack = await TestStack.of({ carcosa: {} });
  stack.at('2026-11-21T12:00:00Z');
  await stack.apply(fleetFile(hosts));
  return stack.at('2026-11-22T04:00:20Z');
}

function latestOf(host: string, sequence: number, set = 'data') {
  const pointer = {
    run: '20261121T040000Z-0123456789ab',
    payload: 'a'.repeat(64),
    sequence,
    received: '2026-11-21T04:20:00Z',
  };
  const nothing = { good: null, accepted: null, configHash: null, baseAbove: 0 };
  return {
    type: 'offsite/latest/1',
    format: 1,
    host,
    set,
    prefix: `AROA:mi-${host}`.slice(0, 60),
    head: pointer,
    base: { ...pointer, bytes: 1, files: 1 },
    ...nothing,
  };
}
