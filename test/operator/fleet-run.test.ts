/** A run by hand: what is refused before anybody is asked, what the stack answers, and following it to its end. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { isOffsiteError } from '../../contract/errors.ts';
import { objectKey } from '../../contract/keys.ts';
import { dispatchManual, type ManualRun } from '../../functions/dispatch.ts';
import { type Followed, type FollowedRun, follow, GRACE } from '../../operator/fleet-follow.ts';
import { type Asked, askForRun, type NodeState, type RunPort, type RunRequest } from '../../operator/fleet-run.ts';
import { HOUR, MINUTE } from '../helpers/fake-clock.ts';
import { TestStack } from '../helpers/test-stack.ts';

const NOW = '2026-11-21T10:00:00Z';
const DEADLINE = new Date('2026-11-21T18:00:00Z');
const ONLINE: NodeState = { online: true, lastSeen: new Date(NOW) };

let stack: TestStack;
let wanted: ManualRun[];

/** The stack's own dispatch, as its function would do it. */
const port = (more: Partial<RunPort> = {}): RunPort => ({
  nodeState: async () => ONLINE,
  runNow: async (run) => {
    wanted.push(run);
    return dispatchManual(stack.stack, stack.commands, run);
  },
  ...more,
});
const request = (more: Partial<RunRequest> = {}): RunRequest => ({
  host: 'carcosa',
  sets: [],
  type: 'incremental',
  deadline: DEADLINE,
  ...more,
});
const ask = (more: Partial<RunRequest> = {}, by: RunPort = port()): Promise<Asked> =>
  askForRun(stack.memory, by, request(more), stack.clock.now());

beforeEach(async () => {
  stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] }, purr: {} });
  stack.at(NOW);
  wanted = [];
});

describe('asking', () => {
  test('a host that the fleet file does not have: refused, naming those it has; nobody is asked', async () => {
    for (const host of ['carcossa', 'constructor', '']) {
      await assert.rejects(
        ask({ host }),
        (error) => isOffsiteError(error, 'host-unknown') && error.exitCode === 2 && /carcosa, purr/.test(error.hint),
      );
    }
    assert.deepEqual([wanted, stack.commands.sent], [[], []]);
  });

  test('a set that the host does not have: refused, naming its sets', async () => {
    await assert.rejects(
      ask({ sets: ['data', 'home'] }),
      (error) => isOffsiteError(error, 'usage') && /no set home/.test(error.message) && /data, etc/.test(error.hint),
    );
    assert.deepEqual(stack.commands.sent, []);
  });

  test('no fleet file: said so', async () => {
    stack.memory.remove(objectKey({ kind: 'fleet' }));
    for await (const { key } of stack.memory.list('config/fleet/')) stack.memory.remove(key);
    stack.restart();
    await assert.rejects(ask(), (error) => isOffsiteError(error, 'fleet-missing'));
  });

  test('a node that the command service does not know: said at once, before anybody is alerted', async () => {
    await assert.rejects(
      ask({}, port({ nodeState: async () => null })),
      (error) => isOffsiteError(error, 'node-unknown') && /mi-carcosa/.test(error.message),
    );
    assert.deepEqual([wanted, stack.messages()], [[], []]);
  });

  test('where nodes may not be looked up, the stack finds the unknown one', async () => {
    stack.commands.unknown.add('mi-carcosa');
    const mayNot = port({ nodeState: () => Promise.reject(new Error('AccessDeniedException')) });
    await assert.rejects(ask({}, mayNot), (error) => isOffsiteError(error, 'node-unknown'));
    stack.commands.unknown.clear();
    stack.clock.advance(1000);
    assert.equal((await ask({}, mayNot)).nodeState, null);
  });

  test('a node that is there and that the stack may not command: the tag is named', async () => {
    stack.commands.refused.add('mi-carcosa');
    await assert.rejects(ask(), (error) => isOffsiteError(error, 'node-untagged') && /--tag/.test(error.hint));
  });

  test('asked twice by the network: one run, which is followed by the second that was chosen first', async () => {
    const twice = port({
      runNow: async (run) => {
        await dispatchManual(stack.stack, stack.commands, run);
        stack.at('2026-11-21T10:00:40Z');
        return dispatchManual(stack.stack, stack.commands, run);
      },
    });
    assert.equal((await ask({}, twice)).due.toISOString(), '2026-11-21T10:00:00.000Z');
    assert.deepEqual(stack.commands.nodes, ['mi-carcosa']);
  });

  test('what the stack throws comes through', async () => {
    const throttled = port({ runNow: () => Promise.reject(new Error('TooManyRequestsException')) });
    await assert.rejects(ask({}, throttled), /TooManyRequestsException/);
  });

  test('a deadline that is over when the stack looks: nobody was asked, and that is an error', async () => {
    await assert.rejects(
      ask({ deadline: new Date(NOW) }),
      (error) => isOffsiteError(error, 'stack-failed') && /too-late/.test(error.message),
    );
  });

  test('all sets, or those that are named, once each', async () => {
    assert.deepEqual((await ask()).sets, ['data', 'etc']);
    stack.clock.advance(1000);
    const { policy, due, node, sets } = await ask({ sets: ['etc', 'etc'], type: 'full' });
    assert.deepEqual([policy, node, sets], ['manual', 'mi-carcosa', ['etc']]);
    assert.equal(due.toISOString(), '2026-11-21T10:00:01.000Z');
    const [, job] = stack.commands.jobs;
    assert.deepEqual([job?.type, Object.keys(job?.hosts['mi-carcosa'] ?? {})], ['full', ['etc']]);
  });

  test('twice within a second: the second one has a second of its own', async () => {
    const one = await ask({ sets: ['data'] });
    const other = await ask({ sets: ['etc'] });
    assert.equal(+other.due - +one.due, 1000);
    assert.equal(stack.commands.sent.length, 2);
  });
});

/** Follows; `scenes` happen one before each look. */
async function watch(
  asked: Asked,
  scenes: (() => Promise<unknown> | unknown)[],
  more: { signal?: AbortSignal } = {},
): Promise<{ followed: Followed; looks: FollowedRun[][] }> {
  const looks: FollowedRun[][] = [];
  const followed = await follow(stack.memory, asked, {
    clock: stack.clock,
    signal: new AbortController().signal,
    every: MINUTE,
    isLast: async () => (await scenes.shift()?.()) === 'last',
    onLook: (runs) => looks.push([...runs]),
    ...more,
  });
  return { followed, looks };
}
const states = (looks: FollowedRun[][]) => looks.map((runs) => runs.map(({ state }) => state).join());

describe('following', () => {
  const slotOf = ({ policy, due }: Asked) => ({ policy, due });

  test('asked, running with its parts counted, published, and the verdict', async () => {
    const asked = await ask({ sets: ['data'] });
    const host = stack.host();
    const run = host.runOf(slotOf(asked));
    let made: Awaited<ReturnType<typeof host.backUp>> | undefined;
    const { followed, looks } = await watch(asked, [
      () => undefined,
      () => host.note('started', run),
      async () => {
        made = await host.backUp({ slot: slotOf(asked), parts: 3, publish: false });
        await host.note('alive', run);
      },
      () => made !== undefined && host.publish(made),
      () => made !== undefined && stack.completeRun(made),
    ]);
    assert.deepEqual(states(looks), ['asked', 'running', 'running', 'published', 'complete']);
    assert.deepEqual(
      looks.map(([one]) => [one?.objects, one?.bytes]),
      [
        [0, 0],
        [0, 0],
        [3, 192],
        [3, 192],
        [3, 192],
      ],
    );
    assert.deepEqual([followed.because, followed.runs[0]?.run], ['ended', run]);
    assert.equal(followed.runs[0]?.verdict?.witness, 'manifest');
    assert.equal(+(looks[3]?.[0]?.alive ?? 0) - +(looks[3]?.[0]?.started ?? 0), MINUTE);
  });

  test('each set ends by itself; it waits for the last', async () => {
    const asked = await ask();
    const back = async (set: string) => stack.completeRun(await stack.host().backUp({ slot: slotOf(asked), set }));
    const { looks } = await watch(asked, [() => back('data'), () => undefined, () => back('etc')]);
    assert.deepEqual(states(looks), ['complete,asked', 'complete,asked', 'complete,complete']);
  });

  test('an incremental is found in the chain that it goes on with, among others', async () => {
    const host = stack.host();
    for (let i = 0; i < 3; i++) await host.backUp({ set: 'data', type: 'full' });
    const asked = await ask({ sets: ['data'] });
    const { looks } = await watch(asked, [
      () => host.note('started', host.runOf(slotOf(asked))),
      () => host.backUp({ slot: slotOf(asked), parts: 1, publish: false }),
      () => stack.completeCommand('mi-carcosa', asked.due.toISOString(), 1, 'manual'),
      () => stack.clock.set(DEADLINE),
    ]);
    assert.deepEqual(
      looks.slice(0, 2).map(([one]) => one?.objects),
      [0, 1],
    );
  });

  test('a command that failed without a manifest: the verdict is failed', async () => {
    const asked = await ask({ sets: ['data'] });
    const { followed } = await watch(asked, [
      () => stack.completeCommand('mi-carcosa', asked.due.toISOString(), 2, 'manual'),
    ]);
    assert.deepEqual([followed.because, followed.runs[0]?.state], ['ended', 'failed']);
  });

  test('another run holds the set: skipped, by whom and since when', async () => {
    const asked = await ask({ sets: ['data'] });
    const { followed } = await watch(asked, [
      () => stack.host().note('skipped', stack.host().runOf(slotOf(asked)), { by: 'another-run' }),
    ]);
    assert.deepEqual(
      [followed.because, followed.runs[0]?.state, followed.runs[0]?.busyWith?.by],
      ['ended', 'skipped', 'another-run'],
    );
  });

  test('a host that sleeps: it is followed until the deadline, and not beyond', async () => {
    const asked = await ask({ sets: ['data'], deadline: new Date(stack.clock.now().getTime() + HOUR) });
    const { followed, looks } = await watch(asked, []);
    assert.deepEqual([followed.because, followed.runs[0]?.state], ['deadline', 'asked']);
    assert.equal(+stack.clock.now(), +asked.deadline + GRACE, 'not a moment longer');
    assert.equal(looks.length, 62);
  });

  test('a verdict that comes at the last moment counts', async () => {
    const asked = await ask({ sets: ['data'], deadline: new Date(stack.clock.now().getTime() + MINUTE) });
    const { followed } = await watch(asked, [
      () => undefined,
      async () => stack.completeRun(await stack.host().backUp({ slot: slotOf(asked) })),
    ]);
    assert.equal(followed.because, 'ended');
  });

  test('whoever makes the run has ended without a word: nothing is waited for', async () => {
    const asked = await ask({ sets: ['data'] });
    const { followed, looks } = await watch(asked, [
      () => stack.host().note('started', stack.host().runOf(slotOf(asked))),
      () => 'last',
    ]);
    assert.deepEqual([followed.because, followed.runs[0]?.state, looks.length], ['left', 'running', 2]);
  });

  test('stopping: it says what it saw last; the run is left alone', async () => {
    const asked = await ask({ sets: ['data'] });
    const stop = new AbortController();
    const keys = async () => {
      const found: string[] = [];
      for await (const { key } of stack.memory.list('')) found.push(key);
      return found;
    };
    const before = await keys();
    const { followed, looks } = await watch(asked, [() => undefined, () => stop.abort()], { signal: stop.signal });
    assert.deepEqual([followed.because, followed.runs[0]?.state, looks.length], ['stopped', 'asked', 2]);
    assert.deepEqual(await keys(), before, 'following writes nothing');
  });
});
