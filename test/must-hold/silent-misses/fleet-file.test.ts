/** Misses that a change of the fleet file, or its damage, could hide. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reconcile } from '../../../functions/reconcile.ts';
import { checkAll } from '../../../operator/check.ts';
import { readTrust } from '../../../repository/trust.ts';
import { FakeSchedules } from '../../helpers/fake-schedules.ts';
import { fleetFile, NIGHTLY, TestStack } from '../../helpers/test-stack.ts';
import { audited, auditedAt, D20, D21, dispatched, noon, open, shown, slot, told } from './world.ts';

const AT_FIVE = '2026-11-20T05:00:00Z';

test('host removed, mistyped or renamed, slot open or not: removed while its slot is open, asked or not', async () => {
  for (const isAsked of [true, false]) {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await audited(stack, '2026-11-20T03:45:00Z');
    if (isAsked) await dispatched(stack, D20);
    await stack.at(AT_FIVE).apply(fleetFile({ purr: {} }));
    await auditedAt(stack, D20, '12:00', '12:15');
    assert.equal((await stack.verdict({ due: D20 }))?.outcome, 'missed');
    await told(stack, 'missed');
  }
});

test('host removed, mistyped or renamed, slot open or not: what was asked is waited for, though its fleet files are lost', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-20T03:45:00Z');
  await dispatched(stack, D20);
  for await (const { key } of stack.memory.list('config/fleet')) stack.memory.remove(key);
  stack.restart();
  await auditedAt(stack, D20, '12:00', '12:15');
  await told(stack, 'missed');
});

test('host removed, mistyped or renamed, slot open or not: renamed while its slot is open, it is missed by its old name', async () => {
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await audited(stack, '2026-11-20T03:45:00Z');
  await dispatched(stack, D20);
  await stack.at(AT_FIVE).apply(fleetFile({ ythill: { node: 'mi-carcosa' }, cassilda: { node: 'mi-purr' } }));
  // One of the two makes its backup after it was renamed: the old name has it.
  await stack
    .at('2026-11-20T05:30:00Z')
    .host('purr')
    .backUp({ slot: slot(D20) })
    .then((run) => stack.completeRun(run));
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.deepEqual(shown(await stack.verdict({ due: D20, host: 'purr' })), ['complete']);
  assert.deepEqual(await open(stack), ['missed carcosa/data']);
  await told(stack, 'missed');
});

test('host removed, mistyped or renamed, slot open or not: its node changed while the slot is open, the old node is waited for', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-20T03:45:00Z');
  await dispatched(stack, D20);
  await stack.at(AT_FIVE).apply(fleetFile({ carcosa: { node: 'mi-other' } }));
  await auditedAt(stack, D20, '12:00', '12:15');
  const problem = await told(stack, 'missed');
  assert.match(problem.reasons[0]?.text ?? '', /node mi-carcosa/);
});

test('host removed, mistyped or renamed, slot open or not: removed or renamed between slots, people are mailed who is watched no more', async () => {
  const schedules = new FakeSchedules();
  const stack = await TestStack.of({ carcosa: {}, purr: {}, third: {} });
  await reconcile(stack.stack, schedules);
  assert.deepEqual(stack.messages(), []);
  await stack.at('2026-11-20T14:00:00Z').apply(fleetFile({ third: {}, cassilda: { node: 'mi-purr' } }));
  // The first try is lost: those that were watched are not forgotten.
  stack.notifier.beforePublish = () => {
    throw new Error('InternalError');
  };
  assert.equal((await reconcile(stack.stack, schedules)).errors.length, 1);
  stack.notifier.beforePublish = () => {};
  assert.deepEqual((await reconcile(stack.stack, schedules)).errors, []);
  const [mail, ...more] = stack.notifier.take();
  assert.equal(more.length, 0);
  assert.match(mail?.email ?? '', /NO LONGER WATCHED/);
  for (const name of ['carcosa/data', 'purr/data']) assert.match(mail?.email ?? '', new RegExp(name));
  await reconcile(stack.stack, schedules);
  assert.deepEqual(stack.messages(), []);
});

test('host removed, mistyped or renamed, slot open or not: each digest of the next 90 days names who stored something and is watched no more', async () => {
  const yearly = { yearly: { incremental: 'cron(0 4 1 7 ? *)', deadline: '8h' } };
  const stack = await TestStack.of({ carcosa: {}, purr: {} });
  await audited(stack, '2026-11-20T03:45:00Z');
  for (const due of [D20, D21]) await dispatched(stack, due);
  for (const host of ['carcosa', 'purr']) await stack.goodRun(D20, { host });
  await stack.goodRun(D21, { host: 'purr' });
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.deepEqual(await open(stack), ['missed carcosa/data']);
  await stack.at('2026-11-21T13:00:00Z').apply(fleetFile({ cassilda: { node: 'mi-purr' } }, yearly));
  const digestOf = async (day: string) => {
    stack.notifier.takeDigests();
    await audited(stack, `${day}T07:15:00Z`);
    const [digest] = stack.notifier.takeDigests();
    assert.ok(digest !== undefined, `a digest on ${day}`);
    return digest.email;
  };
  for (const day of ['2026-11-22', '2027-01-01', '2027-02-17']) {
    assert.match(await digestOf(day), /watched no more: \d\n(.*\n)?.*carcosa\/data, last at 2026-11-20 04:20 UTC/, day);
  }
  // Its own miss was told and is in no repeat any more, for nothing would end it; the digest has it still.
  assert.match(await digestOf('2027-02-18'), /MISSED \(1\)\n +carcosa\/data since 2026-11-21/);
});

test('host removed, mistyped or renamed, slot open or not: a policy with a mistyped host or set is not applied', async () => {
  const stack = await TestStack.of();
  const apply = (policy: object) =>
    stack.at(AT_FIVE).apply(fleetFile({ carcosa: {} }, { nightly: { ...NIGHTLY, ...policy } }));
  await assert.rejects(apply({ hosts: ['carcosa', 'carcossa'] }), /no host carcossa in this file/);
  await assert.rejects(apply({ hosts: ['carcosa'], sets: ['dta'] }), /none of its hosts has a set dta/);
  await assert.rejects(stack.apply(fleetFile({ carcosa: {}, purr: { node: 'mi-carcosa' } })), /mi-carcosa is the node/);
  await audited(stack, '2026-11-20T05:15:00Z');
  assert.deepEqual(await open(stack), []);
});

test('host removed, mistyped or renamed, slot open or not: a mistyped node is told when it is asked, and open past the deadline', async () => {
  const stack = await TestStack.of({ carcosa: { node: 'mi-carcossa' } });
  stack.commands.unknown.add('mi-carcossa');
  await dispatched(stack, D20);
  await told(stack, 'unknown-node', 'carcosa', null);
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.ok((await open(stack)).includes('unknown-node carcosa'));
});

test('policy renamed or cron changed while open, and no false miss before `since`: the open slot of the old name or time stays', async () => {
  const changes = {
    renamed: { nights: NIGHTLY },
    'at another time': { nightly: { ...NIGHTLY, incremental: 'cron(0 20 * * ? *)' } },
    'with a longer deadline': { nightly: { ...NIGHTLY, deadline: '23h' } },
    removed: { other: { full: 'cron(0 0 1 * ? *)', deadline: '8h' } },
  };
  for (const [what, policies] of Object.entries(changes)) {
    for (const isAsked of [true, false]) {
      const stack = await TestStack.of();
      await audited(stack, '2026-11-20T03:45:00Z');
      if (isAsked) await dispatched(stack, D20);
      await stack.at(AT_FIVE).apply(fleetFile({ carcosa: {} }, policies));
      await auditedAt(stack, D20, '12:00', '12:15');
      assert.equal((await stack.verdict({ due: D20 }))?.outcome, 'missed', what);
      await told(stack, 'missed');
    }
  }
});

test('policy renamed or cron changed while open, and no false miss before `since`: what is new is not missed before it was there', async () => {
  const stack = await TestStack.of({ carcosa: {} });
  await audited(stack, '2026-11-20T03:45:00Z');
  await stack.goodRun(D20);
  // The slot of four o'clock is still open when this file is applied, and its policy is the same.
  await stack.at(AT_FIVE).apply(
    fleetFile(
      { carcosa: {}, purr: {} },
      {
        nightly: NIGHTLY,
        extra: { full: 'cron(0 4 * * ? *)', deadline: '8h' },
      },
    ),
  );
  await auditedAt(stack, D20, '12:00', '12:15', '23:00');
  assert.deepEqual([await open(stack), stack.messages()], [[], []]);
  await stack.at('2026-11-21T04:00:20Z').dispatch(D21, 'extra', 'full');
  await dispatched(stack, D21);
  await auditedAt(stack, D21, '12:00', '12:15');
  assert.deepEqual(await open(stack), ['missed carcosa/data', 'missed purr/data']);
  const { began, furtherCount } = await told(stack, 'missed', 'purr');
  assert.deepEqual([began.due, furtherCount], [D21, 1]);
});

/** Who is well by what the store says at that time: `carcosa/data`, with whether it is. */
async function checked({ memory: store, operator }: TestStack, at: string) {
  const believing = { store, anchor: operator.anchor, trust: await readTrust(store, operator.anchor) } as never;
  const sets = await checkAll(believing, new Date(at), null);
  return Object.fromEntries(sets.map(({ host, set, problem }) => [`${host}/${set}`, problem === null]));
}

test('policy renamed or cron changed while open, and no false miss before `since`: neither by whoever asks the store from home', async () => {
  const stack = await TestStack.of({ carcosa: {}, third: {} }, { nightly: { ...NIGHTLY, hosts: ['carcosa'] } });
  await stack.goodRun(D20);
  // A new host, a new set of an old host, and an old host that is new in the policy.
  const hosts = { carcosa: { sets: ['data', 'etc'] }, purr: {}, third: {} };
  await stack.at(AT_FIVE).apply(fleetFile(hosts));
  const before = { 'carcosa/data': true, 'carcosa/etc': true, 'purr/data': true, 'third/data': true };
  assert.deepEqual(await checked(stack, noon(D20)), before);
  const after = { 'carcosa/data': false, 'carcosa/etc': false, 'purr/data': false, 'third/data': false };
  assert.deepEqual(await checked(stack, noon(D21)), after);
});

test('policy renamed or cron changed while open, and no false miss before `since`: a file that is applied again takes back nothing that was due', async () => {
  const stack = await TestStack.of({ carcosa: { sets: ['data', 'etc'] } });
  await audited(stack, '2026-11-20T03:45:00Z');
  await dispatched(stack, D20);
  const again = [
    fleetFile({ carcosa: { sets: ['data', 'etc'] } }),
    fleetFile({ carcosa: { sets: ['etc', 'data'] }, purr: {} }),
    fleetFile(
      { carcosa: { sets: ['data', 'etc', 'home'], node: 'mi-carcosa' } },
      { nightly: { ...NIGHTLY, splay: '5m' } },
    ),
  ];
  for (const [i, file] of again.entries()) await stack.at(`2026-11-20T0${5 + i}:00:00Z`).apply(file);
  const { 'carcosa/data': data, 'carcosa/etc': etc, 'carcosa/home': home } = await checked(stack, noon(D20));
  assert.deepEqual([data, etc, home], [false, false, true]);
  await auditedAt(stack, D20, '12:00', '12:15');
  for (const set of ['data', 'etc']) await told(stack, 'missed', 'carcosa', set);
  assert.equal(await stack.problem('missed', 'carcosa', 'home'), null);
});

test('policy renamed or cron changed while open, and no false miss before `since`: whoever asks the store from home still hears of a slot of the file before', async () => {
  const changes = {
    renamed: { nights: NIGHTLY },
    'at another time': { nightly: { ...NIGHTLY, incremental: 'cron(0 20 * * ? *)' } },
  };
  for (const [what, policies] of Object.entries(changes)) {
    const stack = await TestStack.of({ carcosa: {}, purr: {} });
    await dispatched(stack, D20);
    await stack.goodRun(D20, { host: 'purr' });
    for (const at of [AT_FIVE, '2026-11-20T13:00:00Z']) {
      await stack
        .at(at)
        .apply(fleetFile({ carcosa: {}, purr: {}, third: {} }, { ...policies, [`p${at.length}`]: NIGHTLY }));
      const well = { 'carcosa/data': false, 'purr/data': true, 'third/data': true };
      assert.deepEqual(await checked(stack, '2026-11-20T14:00:00Z'), well, what);
    }
    // Once there is a newer backup the old slot matters no more.
    await stack.goodRun('2026-11-20T20:00:00Z', { policy: Object.keys(policies)[0] ?? '' });
    assert.equal((await checked(stack, '2026-11-20T21:00:00Z'))['carcosa/data'], true, what);
  }
});

test('policy renamed or cron changed while open, and no false miss before `since`: whoever asks from home hears of it although the set has slots of other policies', async () => {
  const early = { hosts: ['carcosa', 'purr'], full: 'cron(0 1 * * ? *)', deadline: '2h' };
  const changes = {
    renamed: { early, nights: NIGHTLY },
    'at another time': { early, nightly: { ...NIGHTLY, incremental: 'cron(0 20 * * ? *)' } },
    'of another deadline': { early, nightly: { ...NIGHTLY, deadline: '12h' } },
    removed: { early },
  };
  for (const [what, policies] of Object.entries(changes)) {
    const stack = await TestStack.of({ carcosa: {}, purr: {} }, { early, nightly: NIGHTLY });
    for (const host of ['carcosa', 'purr']) await stack.goodRun('2026-11-20T01:00:00Z', { host, policy: 'early' });
    await stack.goodRun(D20, { host: 'purr' });
    await stack.at(AT_FIVE).apply(fleetFile({ carcosa: {}, purr: {} }, policies));
    // Open until noon, by the file that asked for it.
    const [open, closed] = [await checked(stack, '2026-11-20T11:59:00Z'), await checked(stack, noon(D20))];
    assert.deepEqual(open, { 'carcosa/data': true, 'purr/data': true }, what);
    assert.deepEqual(closed, { 'carcosa/data': false, 'purr/data': true }, what);
  }
});

test('policy renamed or cron changed while open, and no false miss before `since`: whoever asks from home hears of it although the file before is lost', async () => {
  const stack = await TestStack.of({ carcosa: {} });
  const before: string[] = [];
  for await (const { key } of stack.memory.list('config/fleet/')) before.push(key);
  await dispatched(stack, D20);
  await stack.at(AT_FIVE).apply(fleetFile({ carcosa: {} }, { nightly: { ...NIGHTLY, splay: '5m' } }));
  for (const key of before) stack.memory.remove(key);
  assert.deepEqual(await checked(stack, noon(D20)), { 'carcosa/data': false });
});

interface Damage {
  readonly kind: 'fleet-missing' | 'fleet-invalid';
  readonly does: (stack: TestStack) => void;
}

const DAMAGE: Record<'absent' | 'empty' | 'invalid', Damage> = {
  absent: { kind: 'fleet-missing', does: ({ memory }) => void memory.remove('config/fleet.json') },
  empty: { kind: 'fleet-invalid', does: ({ memory }) => memory.overwrite('config/fleet.json', Buffer.alloc(0)) },
  invalid: {
    kind: 'fleet-invalid',
    does: ({ memory }) => memory.overwrite('config/fleet.json', Buffer.from('{"type":"offsite/fleet/1"}')),
  },
};

/** The pointer is damaged before a slot that nothing comes of, and mended after it. */
async function lifeWith({ kind, does }: Damage): Promise<void> {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  const { body } = await stack.memory.get('config/fleet.json');
  does(stack);
  stack.restart();
  await auditedAt(stack, D20, '03:00', '03:15');
  assert.deepEqual(await open(stack), [kind]);
  assert.equal((await stack.problem(kind, null, null))?.told, '2026-11-20T03:00:00Z');
  assert.equal(stack.notifier.published.filter(({ critical }) => critical).length, 1);
  // The schedules' rules are there still and fire; what they ask for is judged.
  await dispatched(stack, D20);
  assert.deepEqual(stack.commands.nodes, ['mi-carcosa']);
  await auditedAt(stack, D20, '12:00', '12:15');
  await told(stack, 'missed');
  stack.memory.overwrite('config/fleet.json', body);
  await auditedAt(stack, D20, '13:00', '13:15');
  assert.deepEqual(await open(stack), ['missed carcosa/data']);
  assert.ok(stack.notifier.subjects.some((subject) => /GOOD AGAIN.*fleet file/.test(subject)));
}

test('fleet.json absent, empty, invalid: absent, it is told, and the last good one rules until it is there again', () =>
  lifeWith(DAMAGE.absent));

test('fleet.json absent, empty, invalid: empty, it is told, and the last good one rules until it is mended', () =>
  lifeWith(DAMAGE.empty));

test('fleet.json absent, empty, invalid: invalid, it is told, and the last good one rules until it is mended', () =>
  lifeWith(DAMAGE.invalid));

test('fleet.json absent, empty, invalid: one that names a version which is changed or gone', async () => {
  const damages = {
    changed: (body: Buffer) => Buffer.from(body.toString().replace('mi-purr', 'mi-burr')),
    gone: () => null,
  };
  for (const [what, damage] of Object.entries(damages)) {
    const stack = await TestStack.of();
    await audited(stack, '2026-11-19T13:00:00Z');
    await stack.at('2026-11-20T00:00:00Z').apply(fleetFile({ carcosa: {}, purr: {} }));
    let newest = '';
    for await (const { key } of stack.memory.list('config/fleet/')) newest = key;
    const { body } = await stack.memory.get(newest);
    const after = damage(body);
    assert.notDeepEqual(after, body);
    if (after === null) stack.memory.remove(newest);
    else stack.memory.overwrite(newest, after);
    stack.restart();
    await dispatched(stack, D20);
    await auditedAt(stack, D20, '12:00', '12:15');
    assert.deepEqual(await open(stack), ['fleet-invalid', 'missed carcosa/data'], what);
    assert.notEqual((await stack.problem('fleet-invalid', null, null))?.told, null);
  }
});

test('fleet.json absent, empty, invalid: one that watches nothing is told, and the last one that watches something rules', async () => {
  const stack = await TestStack.of();
  await audited(stack, '2026-11-19T13:00:00Z');
  await stack.at('2026-11-20T00:00:00Z').apply(fleetFile({}, {}));
  await dispatched(stack, D20);
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.deepEqual(await open(stack), ['fleet-invalid', 'missed carcosa/data']);
});

test('fleet.json absent, empty, invalid: where there never was one, that is told', async () => {
  const stack = await TestStack.of();
  for await (const { key } of stack.memory.list('config/fleet')) stack.memory.remove(key);
  stack.restart();
  await auditedAt(stack, D20, '12:00', '12:15');
  assert.deepEqual(await open(stack), ['fleet-missing']);
  assert.equal(stack.notifier.published.length, 1);
});

test('fleet.json absent, empty, invalid: reconcile leaves the rules that there are', async () => {
  const schedules = new FakeSchedules();
  const stack = await TestStack.of();
  await reconcile(stack.stack, schedules);
  const before = schedules.texts;
  assert.equal(before.length, 1);
  for (const { does } of Object.values(DAMAGE)) {
    does(stack);
    await reconcile(stack.stack, schedules);
    assert.deepEqual(schedules.texts, before);
  }
  for await (const { key } of stack.memory.list('config/fleet')) stack.memory.remove(key);
  stack.restart();
  await reconcile(stack.stack, schedules);
  assert.deepEqual(schedules.texts, before);
});
