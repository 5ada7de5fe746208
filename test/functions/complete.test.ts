import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { objectKey } from '../../contract/keys.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { Verdict } from '../../contract/verdict.ts';
import { complete } from '../../functions/complete.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { accept, DEFAULT_RECIPIENT, type Published, TestHost } from '../helpers/signed-run.ts';
import { fleetFile, NIGHTLY, TestStack, testKeys } from '../helpers/test-stack.ts';

const D20 = '2026-11-20T04:00:00Z';
const D21 = '2026-11-21T04:00:00Z';
const D22 = '2026-11-22T04:00:00Z';
const D23 = '2026-11-23T04:00:00Z';
const slot = (due: string) => ({ policy: 'nightly', due });
const codes = (verdict: Verdict | null) => verdict?.reasons.map(({ code }) => code);
const shown = (verdict: Verdict | null) => [verdict?.outcome, ...(codes(verdict) ?? [])];

/** The messages of the next audit: until then nobody is told that something has ended. */
async function ends(stack: TestStack): Promise<string[]> {
  assert.deepEqual(stack.messages(), []);
  assert.deepEqual((await stack.audit()).errors, []);
  return stack.messages();
}

async function twoNights(): Promise<{ stack: TestStack; first: Published; second: Published }> {
  const stack = await TestStack.of();
  const first = await stack.goodRun(D20);
  const second = await stack.goodRun(D21);
  return { stack, first, second };
}
const sequences = async (stack: TestStack) => {
  const latest = await stack.latest();
  return [latest?.head?.sequence, latest?.base?.sequence, latest?.good?.sequence];
};

describe('a manifest', () => {
  test('of a slot is judged: verdict, latest and event, and nobody is bothered', async () => {
    const { stack, second } = await twoNights();
    const verdict = await stack.verdict({ due: D21 });
    assert.deepEqual([verdict?.outcome, verdict?.witness, verdict?.accepted], ['complete', 'manifest', true]);
    assert.deepEqual([verdict?.due, verdict?.policy, verdict?.payload], [D21, 'nightly', second.payloadHash]);
    assert.equal(verdict?.received, '2026-11-21T04:20:00Z');
    assert.deepEqual(await sequences(stack), [2, 2, 2]);
    assert.deepEqual(stack.messages(), []);
    assert.deepEqual(
      stack.events.emitted.map(({ due, outcome }) => [due, outcome]),
      [
        [D20, 'complete'],
        [D21, 'complete'],
      ],
    );
  });

  test('that comes twice, even much later, changes nothing', async () => {
    const { stack, first, second } = await twoNights();
    const before = [await stack.verdict({ due: D20 }), await stack.latest()];
    stack.at('2026-11-25T00:00:00Z').restart();
    for (const run of [second, first, first, second]) await stack.completeRun(run);
    assert.deepEqual([await stack.verdict({ due: D20 }), await stack.latest()], before);
    assert.deepEqual(stack.messages(), []);
  });

  test('whose event comes before those of earlier ones: they are judged first', async () => {
    const stack = await TestStack.of();
    const runs: Published[] = [];
    for (const due of [D20, D21, D22])
      runs.push(
        await stack
          .at(due.replace('04:00', '04:20'))
          .host()
          .backUp({ slot: slot(due) }),
      );
    await stack.completeRun(runs[2] as Published);
    for (const due of [D20, D21, D22]) assert.deepEqual(shown(await stack.verdict({ due })), ['complete']);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
    await stack.completeRun(runs[0] as Published);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
  });

  test('that says partial is accepted, and people get a mail', async () => {
    const { stack } = await twoNights();
    await stack.goodRun(D22, {
      outcome: 'partial',
      change: (m) => ({ ...m, warnings: [{ code: 'unreadable', count: 3 }] }),
    });
    assert.deepEqual(await sequences(stack), [3, 3, 2]);
    const [mail] = stack.notifier.take();
    assert.deepEqual(
      [mail?.subject, mail?.critical],
      ['Offsite: PARTIAL carcosa/data since 2026-11-22 04:00 UTC: 3 x unreadable', false],
    );
    await stack.goodRun(D23, { outcome: 'partial' });
    assert.deepEqual(stack.messages(), []);
    await stack.goodRun('2026-11-24T04:00:00Z');
    assert.deepEqual(await ends(stack), ['GOOD AGAIN carcosa/data, was PARTIAL since 2026-11-22 04:00 UTC']);
  });

  test('of a failed run is the head and no base; people are told once, and once when it is good again', async () => {
    const { stack } = await twoNights();
    const change = (m: Manifest): Manifest => ({
      ...m,
      error: { code: 'script-failed', script: '10-dump' },
      scripts: [{ name: '10-dump', exitCode: 2, seconds: 3 }],
    });
    await stack.goodRun(D22, { outcome: 'failed', change });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['failed', 'script']);
    assert.deepEqual(await sequences(stack), [3, 2, 2]);
    const [mail] = stack.notifier.take();
    assert.deepEqual(
      [mail?.subject, mail?.critical],
      ['Offsite: FAILED carcosa/data since 2026-11-22 04:00 UTC: script 10-dump exit 2', true],
    );
    assert.match(mail?.email ?? '', /Newest good backup: \S+, of 2026-11-21 04:00 UTC, 1 day old/);
    await stack.goodRun(D23, { type: 'full' });
    assert.deepEqual(await ends(stack), ['GOOD AGAIN carcosa/data, was FAILED since 2026-11-22 04:00 UTC']);
    assert.equal((await stack.problem('failed'))?.closed?.run, stack.host().last()?.run);
  });

  test('whose event comes five times at once is judged and told once', async () => {
    const { stack } = await twoNights();
    const run = await stack
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), bytes: 1 });
    const results = await Promise.all(Array.from({ length: 5 }, () => stack.completeRun(run)));
    assert.deepEqual(
      results.flatMap(({ errors }) => errors),
      [],
    );
    assert.deepEqual(stack.messages(), ['SUSPECT carcosa/data since 2026-11-22 04:00 UTC: shrunk to under 1 %']);
    assert.deepEqual(await sequences(stack), [3, 2, 2]);
  });

  test('that follows runs from before the fleet file changed: each is judged by the file of its own time', async () => {
    const stack = await TestStack.of();
    await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: slot(D20) });
    await stack.at('2026-11-20T20:00:00Z').apply(fleetFile({ carcosa: {} }, { nights: NIGHTLY }));
    await stack.goodRun(D21, { policy: 'nights' });
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['complete']);
    assert.deepEqual(shown(await stack.verdict({ due: D21, policy: 'nights' })), ['complete']);
  });

  test('of nobody in the fleet file is nobody’s: no verdict, no alert', async () => {
    const stack = await TestStack.of();
    const { foreign } = await testKeys();
    const stranger = new TestHost(
      { store: stack.memory, clock: stack.clock },
      { name: 'carcosa', node: 'mi-stranger', signingKey: foreign },
    );
    await stranger.register();
    const { runs, errors } = await stack.completeRun(await stranger.backUp({ slot: slot(D20) }));
    assert.deepEqual([runs[0]?.verdict, errors, await stack.latest()], ['unwatched', [], null]);
  });

  test('and other objects are no reason to look', async () => {
    const stack = await TestStack.of();
    for (const key of [
      'config/trust.json',
      'nonsense',
      'runs/a/b/c',
      `runs/x/data/20261121T040000Z-0123456789ab/started.json`,
    ]) {
      assert.deepEqual(await complete(stack.stack, { kind: 'object', key }), { runs: [], errors: [] });
    }
  });

  test('that is announced and not there is no verdict', async () => {
    const stack = await TestStack.of();
    const run = await stack
      .at('2026-11-20T04:20:00Z')
      .host()
      .backUp({ slot: slot(D20), publish: false });
    assert.equal((await stack.completeRun(run)).runs[0]?.verdict, 'absent');
  });
});

describe('an unasked run', () => {
  test('has its verdict beside the slots, and does not stand for the slot of its time', async () => {
    const { stack } = await twoNights();
    const manual = await stack.at('2026-11-22T04:10:00Z').host().backUp();
    await stack.completeRun(manual);
    assert.deepEqual(shown(await stack.verdict(manual)), ['complete']);
    assert.equal(await stack.verdict({ due: D22 }), null);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
  });

  test('that claims the slot in its manifest does not stand for it either', async () => {
    const { stack } = await twoNights();
    const manual = await stack
      .at('2026-11-22T04:10:00Z')
      .host()
      .backUp({ change: (m) => ({ ...m, policy: 'nightly', due: D22 }) });
    await stack.completeRun(manual);
    assert.equal((await stack.verdict(manual))?.policy, null);
    assert.equal(await stack.verdict({ due: D22 }), null);
  });

  test('with a clock in the future stands for no later time than the store received it', async () => {
    const { stack } = await twoNights();
    const run = `20301122T041000Z-0123456789ab`;
    const manual = await stack.at('2026-11-22T04:10:00Z').host().backUp({ run });
    await stack.completeRun(manual);
    assert.equal((await stack.verdict(manual))?.at, '2026-11-22T04:10:00Z');
  });
});

describe('what is damaged is named', () => {
  const third = async () => {
    const { stack } = await twoNights();
    const run = await stack
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), parts: 3 });
    return { stack, run, keys: run.manifest.objects.map(([key]) => key) };
  };
  const judged = async (stack: TestStack, run: Published) => {
    const { errors } = await stack.completeRun(run);
    assert.deepEqual(errors, []);
    return stack.verdict({ due: D22 });
  };

  test('a missing part', async () => {
    const { stack, run, keys } = await third();
    stack.memory.remove(keys[1] as string);
    const verdict = await judged(stack, run);
    assert.deepEqual(shown(verdict), ['suspect', 'object-missing']);
    assert.ok(verdict?.reasons[0]?.text.includes(keys[1] as string));
    assert.deepEqual(await sequences(stack), [3, 2, 2]);
    const [mail] = stack.notifier.take();
    assert.ok(mail?.critical && mail.email.includes(keys[1] as string), mail?.email);
  });

  test('a part with one bit wrong, of the same size', async () => {
    const { stack, run, keys } = await third();
    const { body } = await stack.memory.get(keys[0] as string);
    body[7] = (body[7] as number) ^ 1;
    stack.memory.overwrite(keys[0] as string, body);
    const verdict = await judged(stack, run);
    assert.deepEqual(shown(verdict), ['suspect', 'object-damaged']);
    assert.ok(verdict?.reasons[0]?.text.startsWith(keys[0] as string));
  });

  test('two parts of equal size that changed places: both', async () => {
    const { stack, run, keys } = await third();
    const [one, other] = [await stack.memory.get(keys[0] as string), await stack.memory.get(keys[1] as string)];
    assert.equal(one.size, other.size);
    stack.memory.overwrite(one.key, other.body);
    stack.memory.overwrite(other.key, one.body);
    const verdict = await judged(stack, run);
    assert.deepEqual(codes(verdict), ['object-damaged', 'object-damaged']);
    assert.deepEqual(
      verdict?.reasons.map(({ text }) => text.split(' ')[0]),
      [one.key, other.key],
    );
  });

  test('the index, a listing part, a key object', async () => {
    for (const pick of [/\/index-/, /^meta.*\/000001-/, /\/key-1-/]) {
      const { stack, run, keys } = await third();
      const key = [...keys, ...run.manifest.keyObjects.map(([, name]) => name)].find((name) =>
        pick.test(name),
      ) as string;
      stack.memory.remove(key);
      assert.ok((await judged(stack, run))?.reasons[0]?.text.startsWith(key));
    }
  });

  test('a run that it builds on: gone, or another one than it says', async () => {
    const { stack, run } = await third();
    const [base] = run.manifest.sources;
    stack.memory.remove(objectKey({ kind: 'manifest', ...run.place, run: base?.[1] as string }));
    assert.deepEqual(shown(await judged(stack, run)), ['suspect', 'source-missing']);

    const again = await third();
    const source = again.run.manifest.sources[0]?.[1] as string;
    stack.memory.remove('x');
    again.stack.memory.overwrite(
      objectKey({ kind: 'manifest', ...again.run.place, run: source }),
      Buffer.from('{"payload":"e30=","signatures":["x"]}'),
    );
    assert.deepEqual(shown(await judged(again.stack, again.run)), ['suspect', 'source-damaged']);
  });

  test('parts in a cold storage class are there', async () => {
    const { stack, run, keys } = await third();
    stack.memory.setCold(keys[0] as string, true);
    assert.deepEqual(shown(await judged(stack, run)), ['complete']);
  });

  test('a store that is throttled says nothing about the run: it is thrown, and judged the next time', async () => {
    const { stack, run, keys } = await third();
    const faults = [
      { operation: 'head', key: new RegExp(keys[1] as string), does: 'fail', code: 'store-throttled' },
    ] as const;
    const { errors } = await complete(stack.over(faultyStore(stack.memory, { faults })), {
      kind: 'object',
      key: run.key,
    });
    assert.equal((errors[0] as { code?: string }).code, 'store-throttled');
    assert.equal(await stack.verdict({ due: D22 }), null);
    assert.deepEqual(shown(await judged(stack, run)), ['complete']);
  });
});

describe('who signs', () => {
  test('a manifest changed after it was signed fails and moves nothing', async () => {
    const { stack } = await twoNights();
    const run = await stack
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), publish: false });
    const envelope = JSON.parse(run.bytes.toString());
    const payload = Buffer.from(envelope.payload, 'base64').toString().replace('"files":100', '"files":101');
    stack.memory.overwrite(
      run.key,
      Buffer.from(JSON.stringify({ ...envelope, payload: Buffer.from(payload).toString('base64') })),
    );
    await stack.completeRun(run);
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['failed', 'signature']);
    assert.deepEqual(await sequences(stack), [2, 2, 2]);
    assert.deepEqual(stack.messages(), ['FAILED carcosa/data since 2026-11-22 04:00 UTC: invalid signature']);
  });

  test('so does one by a key that the prefix never registered, until it has', async () => {
    const { stack } = await twoNights();
    const { foreign } = await testKeys();
    const run = await stack
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), signer: foreign });
    await stack.completeRun(run);
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['failed', 'signature']);
    await stack.host().register(foreign);
    await stack.completeRun(run);
    const verdict = await stack.verdict({ due: D22 });
    assert.deepEqual([verdict?.outcome, verdict?.notices.map(({ code }) => code)], ['complete', ['uncertified']]);
  });

  test('one of a shape that nobody writes fails', async () => {
    const { stack } = await twoNights();
    await stack.goodRun(D22, { change: (m) => ({ ...m, set: 'other' }) });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['failed', 'shape']);
    assert.deepEqual(await sequences(stack), [2, 2, 2]);
  });

  test('one of a newer format fails and says so', async () => {
    const { stack } = await twoNights();
    await stack.goodRun(D22, { change: (m) => ({ ...m, critical: ['shape'], shape: 'round' }) as Manifest });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['failed', 'format']);
  });

  test('a certified key is no notice, an uncertified one is, a pinned other one fails', async () => {
    const stack = await TestStack.of({ carcosa: { signingKey: 'A'.repeat(40) }, purr: {} });
    const { foreign } = await testKeys();
    await stack.goodRun(D20, { host: 'purr' });
    assert.deepEqual(
      (await stack.verdict({ due: D20, host: 'purr' }))?.notices.map(({ code }) => code),
      ['first'],
    );
    await stack.goodRun(D20);
    assert.deepEqual(shown(await stack.verdict({ due: D20 })), ['failed', 'pin']);
    assert.equal(await stack.latest('carcosa'), null);
    await stack.host('purr').register(foreign);
    await stack.goodRun(D21, { host: 'purr', signer: foreign });
    const verdict = await stack.verdict({ due: D21, host: 'purr' });
    assert.deepEqual([verdict?.outcome, verdict?.notices.map(({ code }) => code)], ['complete', ['uncertified']]);
  });

  test('a trust.json that is not the operator’s certifies nobody', async () => {
    const { stack } = await twoNights();
    stack.memory.overwrite('config/trust.json', Buffer.from('{"payload":"e30=","signatures":["x"]}'));
    await stack.goodRun(D22);
    assert.deepEqual(
      (await stack.verdict({ due: D22 }))?.notices.map(({ code }) => code),
      ['uncertified'],
    );
  });

  test('a host that claims another host’s name harms only itself', async () => {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await stack.goodRun(D20);
    await stack.goodRun(D20, { host: 'purr', change: (m) => ({ ...m, name: 'carcosa' }) });
    assert.deepEqual(shown(await stack.verdict({ due: D20, host: 'purr' })), ['suspect', 'name']);
    assert.deepEqual(await sequences(stack), [1, 1, 1]);
    assert.equal((await stack.latest('purr'))?.good, null);
  });
});

describe('the ledger', () => {
  test('a clone that goes on from an older state is a fork: no base, the next full is one again', async () => {
    const { stack, first } = await twoNights();
    const fork = await stack.at('2026-11-21T09:00:00Z').host().clone().backUp({ after: first });
    await stack.completeRun(fork);
    assert.deepEqual(shown(await stack.verdict(fork)), ['suspect', 'fork']);
    assert.deepEqual(await sequences(stack), [2, undefined, 2]);
    assert.deepEqual(stack.messages(), ['FORKED carcosa/data since 2026-11-21 08:50 UTC']);
    await stack.goodRun(D22, { type: 'full' });
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
    await stack.completeRun(fork);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
    assert.deepEqual(await ends(stack), ['GOOD AGAIN carcosa/data, was FORKED since 2026-11-21 08:50 UTC']);
  });

  test('two clones that publish at the same time are a fork, whoever is judged first, also both at once', async () => {
    for (const order of ['one', 'other', 'both']) {
      const { stack } = await twoNights();
      const twin = stack.host().clone();
      stack.at('2026-11-21T09:00:00Z');
      const [one, other] = [await stack.host().backUp(), await twin.backUp()];
      if (order === 'both') await Promise.all([stack.completeRun(one), stack.completeRun(other)]);
      else for (const run of order === 'one' ? [one, other] : [other, one]) await stack.completeRun(run);
      const outcomes = [await stack.verdict(one), await stack.verdict(other)].map(shown);
      assert.ok(
        outcomes.some(([, code]) => code === 'fork'),
        `${order}: ${JSON.stringify(outcomes)}`,
      );
      assert.equal((await stack.latest())?.base, null, order);
      // Where the other one was accepted first, both are told together, by audit.
      await stack.at('2026-11-21T09:15:00Z').audit();
      assert.equal(stack.messages().filter((subject) => subject.startsWith('FORKED')).length, 1, order);
    }
  });

  test('a sequence that was there already, and one that jumps, are suspect and move nothing', async () => {
    for (const sequence of [2, 9]) {
      const { stack } = await twoNights();
      await stack.goodRun(D22, { change: (m) => ({ ...m, sequence }) });
      assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['suspect', 'sequence']);
      assert.deepEqual(await sequences(stack), [2, 2, 2]);
    }
  });

  test('a previous one that nobody knows is suspect, and moves the head where the state was lost', async () => {
    const { stack } = await twoNights();
    await stack.goodRun(D22, { change: (m) => ({ ...m, previous: 'e'.repeat(64) }) });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['suspect', 'previous-unknown']);
    assert.deepEqual(await sequences(stack), [2, 2, 2]);
    await stack.goodRun(D23, {
      type: 'full',
      change: (m) => ({ ...m, previous: 'f'.repeat(64), sequence: 7, stateLost: true }),
    });
    assert.deepEqual(await sequences(stack), [7, 2, 2]);
  });

  test('a record of latest that is lost or damaged is made anew, and the ledger found in the store', async () => {
    for (const damage of ['lost', 'damaged']) {
      const { stack } = await twoNights();
      if (damage === 'lost') stack.memory.remove('latest/carcosa/data.json');
      else stack.memory.overwrite('latest/carcosa/data.json', Buffer.from('{'));
      await stack.goodRun(D22);
      assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['complete']);
      assert.deepEqual(await sequences(stack), [3, 3, 3]);
    }
  });

  test('a second beginning after the record was lost is a fork all the same', async () => {
    const { stack } = await twoNights();
    stack.memory.remove('latest/carcosa/data.json');
    await stack.goodRun(D22, { after: null });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['suspect', 'fork']);
  });

  test('a run that builds on one that was not accepted is suspect', async () => {
    const { stack } = await twoNights();
    await stack.goodRun(D22, { recipients: ['F'.repeat(40)] });
    await stack.goodRun(D23);
    assert.deepEqual(shown(await stack.verdict({ due: D23 })), ['suspect', 'base']);
  });

  test('a node with a new prefix goes on with its ledger, and the stack finds it', async () => {
    const { stack, second } = await twoNights();
    const { signing } = await testKeys();
    const reborn = await stack.addHost('carcosa', {
      signingKey: signing[1] as never,
      node: 'mi-carcosa',
      prefix: 'AROANEW:mi-carcosa',
    });
    await stack.goodRun(D22, { type: 'full', after: second, change: (m) => ({ ...m, stateLost: true }) });
    const verdict = await stack.verdict({ due: D22 });
    assert.deepEqual([verdict?.outcome, verdict?.prefix], ['complete', reborn.prefix]);
    assert.deepEqual([(await stack.latest())?.prefix, ...(await sequences(stack))], ['AROANEW:mi-carcosa', 3, 3, 3]);
  });
});

describe('recipients', () => {
  test('a run that one of the fleet file’s recipients cannot read is suspect and no base', async () => {
    const { stack } = await twoNights();
    await stack.goodRun(D22, { recipients: ['F'.repeat(40)] });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['suspect', 'recipients']);
    assert.deepEqual(await sequences(stack), [3, 2, 2]);
  });
  test('those that the fleet file had at the due minute count', async () => {
    const { stack } = await twoNights();
    const file = fleetFile({ carcosa: {} }) as { recipients: string[] };
    stack.at('2026-11-22T04:10:00Z');
    await stack.apply({ ...file, recipients: [DEFAULT_RECIPIENT, 'F'.repeat(40)] } as never);
    await stack.goodRun(D22);
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['complete']);
    await stack.goodRun(D23);
    assert.deepEqual(shown(await stack.verdict({ due: D23 })), ['suspect', 'recipients']);
  });
});

describe('the operator’s acceptance', () => {
  const suspect = async () => {
    const { stack } = await twoNights();
    const run = await stack.goodRun(D22, { bytes: 10 });
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['suspect', 'shrink']);
    assert.deepEqual(stack.messages(), ['SUSPECT carcosa/data since 2026-11-22 04:00 UTC: shrunk to under 1 %']);
    return { stack, run };
  };
  const announced = (stack: TestStack, { place }: Published) =>
    complete(stack.stack, { kind: 'object', key: objectKey({ kind: 'accepted', ...place }) });

  test('moves base and good, closes the problem, and once', async () => {
    const { stack, run } = await suspect();
    await accept(stack.memory, stack.operator, run);
    for (let i = 0; i < 3; i++) await announced(stack, run);
    const verdict = await stack.verdict({ due: D22 });
    assert.deepEqual([verdict?.outcome, verdict?.accepted, verdict?.witness], ['suspect', true, 'acceptance']);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
    assert.deepEqual(await ends(stack), ['GOOD AGAIN carcosa/data, was SUSPECT since 2026-11-22 04:00 UTC']);
    await stack.goodRun(D23, { bytes: 10 });
    assert.deepEqual(shown(await stack.verdict({ due: D23 })), ['complete']);
  });

  test('signed by anybody else, or of another manifest, is none', async () => {
    const { stack, run } = await suspect();
    const { foreign } = await testKeys();
    await accept(stack.memory, { ...stack.operator, key: foreign }, run);
    await announced(stack, run);
    assert.equal((await stack.verdict({ due: D22 }))?.accepted, false);

    const second = await suspect();
    await accept(second.stack.memory, second.stack.operator, { ...second.run, payloadHash: 'e'.repeat(64) });
    await announced(second.stack, second.run);
    assert.equal((await second.stack.verdict({ due: D22 }))?.accepted, false);
  });

  test('of a failed run makes no backup of it', async () => {
    const { stack } = await twoNights();
    const run = await stack.goodRun(D22, { outcome: 'failed' });
    await accept(stack.memory, stack.operator, run);
    await announced(stack, run);
    assert.deepEqual([(await stack.verdict({ due: D22 }))?.accepted, await sequences(stack)], [false, [3, 2, 2]]);
  });

  test('that is there before its run was judged counts as well', async () => {
    const { stack } = await twoNights();
    const run = await stack
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22), bytes: 10 });
    await accept(stack.memory, stack.operator, run);
    await announced(stack, run);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
    assert.deepEqual(stack.messages(), []);
  });
});

describe('a command that ended', () => {
  const asked = async () => {
    const { stack } = await twoNights();
    await stack.at('2026-11-22T04:00:20Z').dispatch('2026-11-22T04:00:00Z');
    return { stack, run: stack.host().runOf(slot(D22)) };
  };

  test('well, or with 3 or 75, or never ran, is waited for', async () => {
    const { stack } = await asked();
    for (const code of [0, 3, 75, -1, null]) {
      const { runs } = await stack.completeCommand('mi-carcosa', D22, code);
      assert.deepEqual(
        runs.map(({ verdict }) => verdict),
        ['waiting'],
      );
    }
    assert.equal(await stack.verdict({ due: D22 }), null);
  });

  test('with another code and no sign of life is a failed run at once', async () => {
    const { stack } = await asked();
    await stack.completeCommand('mi-carcosa', D22, 127);
    const verdict = await stack.verdict({ due: D22 });
    assert.deepEqual([...shown(verdict), verdict?.witness], ['failed', 'command', 'command']);
    assert.match(verdict?.reasons[0]?.text ?? '', /no agent is installed/);
    assert.deepEqual(stack.messages(), ['FAILED carcosa/data since 2026-11-22 04:00 UTC: exit code 127']);
    await stack.completeCommand('mi-carcosa', D22, 1);
    assert.deepEqual(stack.messages(), []);
  });

  test('is waited for where the run had started, until the deadline', async () => {
    const { stack, run } = await asked();
    await stack.host().note('started', run);
    await stack.completeCommand('mi-carcosa', D22, 137);
    assert.equal(await stack.verdict({ due: D22 }), null);
    await stack.at('2026-11-22T12:00:00Z').completeCommand('mi-carcosa', D22, 137);
    assert.match((await stack.verdict({ due: D22 }))?.reasons[0]?.text ?? '', /signal 9/);
  });

  test('means nothing where a manifest is there, though nobody announced it', async () => {
    const { stack } = await asked();
    await stack
      .at('2026-11-22T04:20:00Z')
      .host()
      .backUp({ slot: slot(D22) });
    for (const code of [0, 1, 137]) await stack.completeCommand('mi-carcosa', D22, code);
    assert.deepEqual(shown(await stack.verdict({ due: D22 })), ['complete']);
    assert.deepEqual(stack.messages(), []);
  });

  test('before the manifest came: the manifest outweighs it, and it is good again', async () => {
    const { stack } = await asked();
    await stack.completeCommand('mi-carcosa', D22, 1);
    await stack.goodRun(D22);
    const verdict = await stack.verdict({ due: D22 });
    assert.deepEqual([...shown(verdict), verdict?.witness], ['complete', 'manifest']);
    assert.deepEqual(await sequences(stack), [3, 3, 3]);
    assert.deepEqual(stack.messages(), ['FAILED carcosa/data since 2026-11-22 04:00 UTC: exit code 1']);
    assert.deepEqual(await ends(stack), ['GOOD AGAIN carcosa/data, was FAILED since 2026-11-22 04:00 UTC']);
    await stack.completeCommand('mi-carcosa', D22, 1);
    assert.equal((await stack.verdict({ due: D22 }))?.witness, 'manifest');
  });

  test('of a node or slot that nobody knows is nothing', async () => {
    const { stack } = await asked();
    assert.deepEqual(await stack.completeCommand('mi-stranger', D22, 1), { runs: [], errors: [] });
    assert.deepEqual(await stack.completeCommand('mi-carcosa', '2026-11-22T05:00:00Z', 1), { runs: [], errors: [] });
  });
});

describe('problems of several hosts and sets', () => {
  test('a success of somebody else, or of another set, ends nothing', async () => {
    const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] }, purr: {} }, { nightly: NIGHTLY });
    await stack.at('2026-11-20T04:00:20Z').dispatch(D20);
    await stack.goodRun(D20, { outcome: 'failed' });
    stack.messages();
    await stack.goodRun(D21, { host: 'purr' });
    await stack.goodRun(D21, { set: 'etc' });
    assert.deepEqual([stack.messages(), (await stack.problem('failed'))?.closed], [[], null]);
    await stack.goodRun(D21);
    assert.deepEqual(await ends(stack), [
      '2 MISSED since 2026-11-20 04:00 UTC: carcosa/etc, purr/data',
      'GOOD AGAIN carcosa/data, was FAILED since 2026-11-20 04:00 UTC',
    ]);
  });
  test('several problems of one set end with one notice', async () => {
    const stack = await TestStack.of();
    await stack.goodRun(D20, { outcome: 'failed' });
    await stack.goodRun(D21, { type: 'full', recipients: ['F'.repeat(40)] });
    assert.equal(stack.messages().length, 2);
    await stack.goodRun(D22, { type: 'full' });
    assert.deepEqual(await ends(stack), ['GOOD AGAIN carcosa/data, was FAILED since 2026-11-20 04:00 UTC']);
    assert.notEqual((await stack.problem('suspect'))?.closed?.told, null);
  });
});
