/**
 * Every function dies at every step it can die at, before and after it. Whoever runs it runs it again, or nobody does
 * and only audit comes by; either way the end is the one that there would have been without a death: the same verdicts,
 * records and problems, and every message told, once, or twice where the publisher died between publishing and marking.
 */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { audit } from '../../functions/audit.ts';
import { complete } from '../../functions/complete.ts';
import { dispatch } from '../../functions/dispatch.ts';
import type { CommandSender } from '../../functions/ports/commands.ts';
import type { Notifier } from '../../functions/ports/notifier.ts';
import { type Stack, stackOf } from '../../functions/stack.ts';
import { Died, Mortality, mortalStore } from '../helpers/mortal.ts';
import type { Published } from '../helpers/signed-run.ts';
import { fleetFile, TestStack } from '../helpers/test-stack.ts';

const D20 = '2026-11-20T04:00:00Z';
const D21 = '2026-11-21T04:00:00Z';
const D22 = '2026-11-22T04:00:00Z';
const slot = (due: string) => ({ policy: 'nightly', due });

interface Scene {
  /** What there is before anybody dies. */
  readonly begin: () => Promise<TestStack>;
  /** What is run, and dies. */
  readonly act: (stack: Stack, world: TestStack, commands: CommandSender) => Promise<{ errors: readonly unknown[] }>;
}

const SCENES: Record<string, Scene> = {
  'complete on a good run that ends two problems': scene(async (world) => {
    await world.goodRun(D20, { outcome: 'failed' });
    await world.goodRun(D21, { type: 'full', recipients: ['F'.repeat(40)] });
    return world
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), type: 'full' });
  }),
  'complete on a suspect run': scene(async (world) => {
    await world.goodRun(D20);
    return world
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), bytes: 1 });
  }),
  'complete on a fork': scene(async (world) => {
    const first = await world.goodRun(D20);
    await world.goodRun(D21);
    return world
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), after: first });
  }),
  'complete on a run whose predecessors were never announced, one of them failed': scene(async (world) => {
    await world
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: slot(D20) });
    await world
      .at('2026-11-21T04:20:00Z')
      .host()
      .backUp({ slot: slot(D21), outcome: 'failed' });
    return world
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), outcome: 'partial' });
  }),
  'dispatch of three batches with an unknown node': {
    begin: async () => {
      const world = await TestStack.of();
      const hosts = Object.fromEntries(Array.from({ length: 110 }, (_, i) => [`h${i}`, {}]));
      await world.at('2026-11-21T12:00:00Z').apply(fleetFile({ carcosa: {}, ...hosts }));
      await world.audit();
      world.messages();
      world.commands.unknown.add('mi-h5');
      return world.at('2026-11-22T04:00:20Z');
    },
    act: (stack, _, commands) =>
      dispatch(stack, commands, { policy: 'nightly', type: 'incremental', time: new Date(D22) }),
  },
  'audit that finds runs missed, busy, late, unannounced and failed, and a broken fleet file': {
    begin: async () => {
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      const world = await TestStack.of(Object.fromEntries(names.map((name) => [name, {}])));
      await world.goodRun(D21, { host: 'f' });
      await world.at('2026-11-21T13:00:00Z').audit();
      world.messages();
      world.at(D22);
      await world.host('b').note('skipped', world.host('b').runOf(slot(D22)));
      await world.host('c').note('started', world.host('c').runOf(slot(D22)));
      for (const name of ['d', 'e'])
        await world.host(name).backUp({ slot: slot(D22), outcome: name === 'd' ? 'complete' : 'failed' });
      world.memory.remove('config/fleet.json');
      return world.at('2026-11-22T12:00:00Z');
    },
    act: (stack) => audit(stack),
  },
  'audit of a slot whose hosts nobody asked': {
    begin: async () => {
      const once = { full: 'cron(0 4 22 11 ? 2026)', deadline: '8h' };
      const world = await hostsCalled('abcdefgh', {}, { once, other: once });
      await world.at('2026-11-21T13:00:00Z').audit();
      return world.at('2026-11-22T12:00:00Z');
    },
    act: (stack) => audit(stack),
  },
  'audit that tells of many missed runs, covers two, and repeats what is a day old': {
    begin: async () => {
      const world = await hostsCalled('abcdefgh', { z: { sets: ['data', 'etc'] } });
      await world.at('2026-11-20T13:00:00Z').audit();
      await world.at('2026-11-21T04:00:20Z').dispatch(D21);
      for (const host of 'abcdefgh') await world.goodRun(D21, { host });
      await world.goodRun(D21, { host: 'z', set: 'etc' });
      await world.at('2026-11-21T12:00:00Z').audit();
      await world.at('2026-11-22T04:00:20Z').dispatch(D22);
      world.at('2026-11-22T04:20:00Z');
      // Covered by its silence: etc of the same host. Covered by its own miss: that it fails.
      await world.host('z').backUp({ slot: slot(D22), outcome: 'failed' });
      world.messages();
      return world.at('2026-11-22T12:00:00Z');
    },
    act: (stack) => audit(stack),
  },
  'audit that tells of many ends, one of which waits for its host': {
    begin: async () => {
      const world = await hostsCalled('abcdefgh');
      await world.at('2026-11-20T13:00:00Z').audit();
      await world.at('2026-11-21T04:00:20Z').dispatch(D21);
      await world.goodRun(D21, { host: 'h', outcome: 'partial' });
      await world.at('2026-11-21T12:00:00Z').audit();
      await world.at('2026-11-22T04:00:20Z').dispatch(D22);
      for (const host of 'abcdef') await world.goodRun(D22, { host, type: 'full' });
      await world.goodRun(D22, { host: 'g', type: 'full', recipients: ['F'.repeat(40)] });
      await world.goodRun(D22, { host: 'h', type: 'full' });
      world.messages();
      return world.at('2026-11-22T12:00:00Z');
    },
    act: (stack) => audit(stack),
  },
};

function hostsCalled(
  letters: string,
  more: Record<string, { sets: string[] }> = {},
  policies?: Record<string, { full: string; deadline: string }>,
): Promise<TestStack> {
  return TestStack.of({ ...Object.fromEntries([...letters].map((name) => [name, {}])), ...more }, policies);
}

function scene(prepare: (world: TestStack) => Promise<Published>): Scene {
  const runs = new WeakMap<TestStack, Published>();
  return {
    begin: async () => {
      const world = await TestStack.of();
      const run = await prepare(world);
      world.messages();
      runs.set(world, run);
      return world;
    },
    act: (stack, world) => complete(stack, { kind: 'object', key: runs.get(world)?.key ?? '' }),
  };
}

/** The stack as a process that may die has it. */
function mortalStack(world: TestStack, life: Mortality): { stack: Stack; commands: CommandSender } {
  const notifier: Notifier = {
    displayName: 'Offsite',
    publish: (one) => life.publication(problemsIn(one), () => world.notifier.publish(one)),
    hasListener: (topic) => world.notifier.hasListener(topic),
  };
  const { clock, events, operator, memory } = world;
  return {
    stack: stackOf({ store: mortalStore(memory, life), clock, notifier, events, anchor: operator.anchor }),
    commands: {
      knownNodes: (nodes) => world.commands.knownNodes(nodes),
      send: (command) => life.step(() => world.commands.send(command)),
    },
  };
}

/** What is left in the end, without what may differ: when it was written, and how often people were told. */
async function remains(world: TestStack): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for await (const { key } of world.memory.list('')) {
    if (!/^(slots|verdicts|latest|alerts)\//.test(key)) continue;
    const document = JSON.parse((await world.memory.get(key)).body.toString());
    if (document.closed) document.closed = { ...document.closed, at: 0, told: document.closed.told !== null };
    if (document.kind === 'fleet-missing') document.began = null;
    found[key] = {
      ...document,
      ...{ judged: 0, at: key.includes('closed.json') ? 0 : document.at, commands: 0 },
      ...{ recorded: document.recorded !== null, told: document.told !== null },
      spoken: document.spoken?.length,
    };
  }
  return found;
}

/** Keys of what a message tells of, by its last line; of a table by its rows; of a repeat what is a day old. */
function problemsIn({ subject, email }: { subject: string; email: string }): string[] {
  if (/ STILL /.test(subject)) {
    const old = email.matchAll(/^([A-Z]+) (\w+)\/(\w+).*\n {2}since (\S+)/gm);
    return [...old].flatMap(([, kind = '', host, set, since = '']) =>
      since < '2026-11-22' ? [`alerts/${kind.toLowerCase()}.${set}.${host}.json`] : [],
    );
  }
  const rows = [...email.matchAll(/^ {2}(\w+)\/(\w+) {2,}(?:since|was ([A-Z]+) since)/gm)];
  const kind = /^Offsite: \d+ ([A-Z]+)/.exec(subject)?.[1] ?? '';
  const named = rows.map(([, host, set, was]) => `alerts/${(was ?? kind).toLowerCase()}.${set}.${host}.json`);
  return [...named, ...[...email.matchAll(/alerts\/\S+?\.json/g)].map(([key]) => key)];
}

/** What people were told, and how often: that a problem began, that it ended. Two ends may come in one message or two. */
function told(world: TestStack): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const message of world.notifier.take()) {
    const { subject } = message;
    const facts = / STILL /.test(subject)
      ? ['repeated']
      : /GOOD AGAIN/.test(subject)
        ? ['ended']
        : /good again by now/.test(subject)
          ? ['began', 'ended']
          : ['began'];
    for (const key of problemsIn(message)) {
      for (const fact of facts) counts[`${key} ${fact}`] = (counts[`${key} ${fact}`] ?? 0) + 1;
    }
  }
  return Object.fromEntries(Object.entries(counts).sort());
}

async function play({ begin, act }: Scene, life: Mortality, isRunAgain: boolean): Promise<TestStack> {
  const world = await begin();
  const { stack, commands } = mortalStack(world, life);
  const { errors } = await act(stack, world, commands).catch((error: unknown) => ({ errors: [error] }));
  for (const error of errors) assert.ok(error instanceof Died, `${error}`);
  world.restart();
  if (isRunAgain) assert.deepEqual((await act(world.stack, world, world.commands)).errors, []);
  for (const at of ['2026-11-22T12:15:00Z', '2026-11-22T12:30:00Z', '2026-11-22T12:45:00Z']) {
    assert.deepEqual((await world.at(at).audit()).errors, []);
  }
  return world;
}

describe('a death at any step', () => {
  for (const [name, scene] of Object.entries(SCENES)) {
    const isDispatch = name.startsWith('dispatch');
    const isAudit = name.startsWith('audit');
    test(name, async () => {
      const unharmed = new Mortality();
      const reference = await play(scene, unharmed, true);
      const [expected, facts] = [await remains(reference), told(reference)];
      assert.ok(unharmed.steps > 3 && Object.keys(facts).length > 0, `${unharmed.steps} steps`);
      assert.ok(
        Object.values(facts).every((count) => count === 1),
        JSON.stringify(facts),
      );
      // Dying before a step is dying after the one before it; and whoever runs audit again is the next audit.
      const deaths = [
        ['before', 1] as const,
        ...Array.from({ length: unharmed.steps }, (_, i) => ['after', i + 1] as const),
      ];
      for (const [when, step] of deaths) {
        // A dispatch that nobody runs again leaves hosts unasked: that they are missed is told elsewhere.
        for (const isRunAgain of isDispatch ? [true] : isAudit ? [false] : [true, false]) {
          const what = `${when} step ${step}${isRunAgain ? '' : ', not run again'}`;
          const life = new Mortality(step, when);
          const world = await play(scene, life, isRunAgain);
          const found = told(world);
          assert.deepEqual(Object.keys(found), Object.keys(facts), what);
          const isRepeated = Object.values(found).some((count) => count > 1);
          if (isRepeated) assert.ok(life.diedPublishing, `${what}: ${JSON.stringify(found)}`);
          assert.ok(
            Object.values(found).every((count) => count <= 2),
            what,
          );
          assert.deepEqual(await remains(world), expected, what);
          if (isDispatch) assert.equal(new Set(world.commands.nodes).size, 110, what);
        }
      }
    });
  }
});
