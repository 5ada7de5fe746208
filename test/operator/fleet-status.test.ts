/** `fleet status`: what it says of sets, problems and audit; that nothing that is wrong is left out; and how it reads. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { fleetText } from '../../cli/ui/fleet-table.ts';
import { isOffsiteError } from '../../contract/errors.ts';
import { parseFleet } from '../../contract/fleet.ts';
import { currentHeads, type FleetStatus, fleetStatus, isWell, scheduleFaults } from '../../operator/fleet-status.ts';
import { MemoryStore } from '../../store/memory.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const [D20, D21, D22] = ['20', '21', '22'].map((day) => `2026-11-${day}T04:00:00Z`) as [string, string, string];

let stack: TestStack;
beforeEach(async () => {
  stack = await TestStack.of({ carcosa: {}, purr: {} });
});

const status = (host?: string): Promise<FleetStatus> =>
  fleetStatus(stack.memory, { now: stack.clock.now(), ...(host === undefined ? {} : { host }) });
const audited = async (...times: string[]) => {
  for (const time of times) await stack.at(time).audit();
};
const setOf = (found: FleetStatus, host: string) => {
  const set = found.sets.find((one) => one.host === host);
  assert.ok(set !== undefined);
  return set;
};
const text = (found: FleetStatus, all = false) => fleetText(found, { all });

describe('a set', () => {
  test('before its first backup: none yet, and when the first is due', async () => {
    const { newestGood, chain, next, problems, isWatched } = setOf(await status(), 'carcosa');
    assert.deepEqual([newestGood, chain, problems, isWatched], [null, null, [], true]);
    assert.deepEqual(
      [next?.due.toISOString(), next?.type, next?.policy],
      ['2026-11-20T04:00:00.000Z', 'incremental', 'nightly'],
    );
  });

  test('its newest good backup, and the chain that the next one builds on', async () => {
    const full = await stack.goodRun(D20, { type: 'full' });
    await stack.goodRun(D21, { type: 'incremental' });
    stack.at('2026-11-22T02:20:00Z');
    const { newestGood, chain } = setOf(await status(), 'carcosa');
    assert.equal(newestGood?.ageSeconds, 22 * 3600);
    assert.deepEqual([chain?.chain, chain?.runs], [full.manifest.chain, 2]);
    assert.match(
      text(await status()),
      /^carcosa {2}data {2}22h ago +1d 22h, 2 runs +2026-11-22 04:00 UTC incremental \(nightly\)$/m,
    );
  });

  test('a manifest that is not the one that was judged says nothing of the chain', async () => {
    const { key } = await stack.goodRun(D20, { type: 'full' });
    const { key: other } = await stack.goodRun(D20, { host: 'purr', type: 'full' });
    stack.memory.overwrite(key, (await stack.memory.get(other)).body);
    assert.equal(setOf(await status(), 'carcosa').chain, null);
    stack.memory.remove(key);
    assert.equal(setOf(await status(), 'carcosa').chain, null);
    assert.notEqual(setOf(await status(), 'purr').chain, null);
  });

  test('paused, pinned, in no policy', async () => {
    const pin = 'A'.repeat(40);
    await stack
      .at('2026-11-19T13:00:00Z')
      .apply(
        fleetFile(
          { carcosa: { pause: { until: '2026-11-25' } }, purr: { signingKey: pin }, third: {} },
          { nightly: { ...NIGHTLY, hosts: ['carcosa', 'purr'] } },
        ),
      );
    const found = await status();
    assert.deepEqual(
      found.sets.map(({ host, pausedUntil, pinned, isWatched, next }) => [
        host,
        pausedUntil,
        pinned,
        isWatched,
        next?.due.getUTCDate(),
      ]),
      [
        ['carcosa', '2026-11-25', null, true, 25],
        ['purr', null, pin, true, 20],
        ['third', null, null, false, undefined],
      ],
    );
    for (const words of [/^carcosa.*paused until 2026-11-25$/m, /^purr.*pinned key$/m, /^third.*never +in no policy$/m])
      assert.match(text(found), words);
    assert.ok(isWell(found));
  });
});

describe('what is open', () => {
  test('a missed backup: not well, first in the list, and since when', async () => {
    await audited('2026-11-19T13:00:00Z');
    await stack.goodRun(D20);
    await stack.at('2026-11-20T04:00:20Z').dispatch(D20);
    await audited('2026-11-20T12:00:00Z');
    const found = await status();
    assert.equal(isWell(found), false);
    assert.deepEqual(
      found.sets.map(({ host, problems }) => [host, problems]),
      [
        ['purr', ['missed']],
        ['carcosa', []],
      ],
    );
    assert.match(text(found), /^Open problems: 1\n {2}MISSED {2}purr\/data {2}since 2026-11-20 04:00 UTC/m);
    assert.match(text(found), /^purr +data +none yet.*MISSED$/m);
  });

  test('it is over: well again', async () => {
    await audited('2026-11-19T13:00:00Z', '2026-11-20T12:00:00Z');
    assert.equal(isWell(await status()), false);
    for (const host of ['carcosa', 'purr']) await stack.goodRun(D21, { host });
    await stack.at('2026-11-21T04:00:20Z').dispatch(D21);
    await audited('2026-11-21T12:00:00Z');
    assert.deepEqual((await status()).problems, []);
    assert.ok(isWell(await status()));
    assert.match(text(await status()), /^Open problems: none$/m);
  });

  test('of one host: its own and those of the stack, not those of another host', async () => {
    await audited('2026-11-19T13:00:00Z');
    await stack.goodRun(D20);
    await stack.at('2026-11-20T04:00:20Z').dispatch(D20);
    await audited('2026-11-20T12:00:00Z');
    const { sets, problems } = await status('carcosa');
    assert.deepEqual([sets.map(({ host }) => host), problems], [['carcosa'], []]);
    assert.ok(isWell(await status('carcosa')));
    assert.equal(isWell(await status('purr')), false);
    // Nobody is asked the next night: that is of the policy, which concerns everybody.
    await stack.goodRun(D21);
    await audited('2026-11-21T12:00:00Z');
    assert.deepEqual(
      (await status('carcosa')).problems.map(({ kind }) => kind),
      ['not-dispatched'],
    );
    assert.match(text(await status('carcosa')), /NOT-DISPATCHED {2}policy nightly/);
  });

  test('audit that has not run for 45 minutes', async () => {
    assert.ok(isWell(await status()), 'a stack that is new');
    stack.at('2026-11-19T12:45:01Z');
    assert.deepEqual([(await status()).audit, isWell(await status())], [{ cursor: null, isLate: true }, false]);
    await audited('2026-11-19T13:00:00Z');
    assert.ok(isWell(await status()));
    stack.at('2026-11-19T13:45:00Z');
    assert.ok(isWell(await status()));
    stack.at('2026-11-19T13:45:01Z');
    assert.equal(isWell(await status()), false);
  });

  test('a fleet file that is lost: the last one rules, and that is said', async () => {
    await audited('2026-11-19T13:00:00Z');
    stack.memory.remove('config/fleet.json');
    const found = await status();
    assert.deepEqual([found.trouble?.kind, isWell(found), found.sets.length], ['fleet-missing', false, 2]);
  });

  test('records that cannot be read are named; all else is told', async () => {
    await audited('2026-11-19T13:00:00Z');
    await stack.goodRun(D20);
    await stack.goodRun(D20, { host: 'purr' });
    stack.memory.overwrite('latest/carcosa/data.json', Buffer.from('{}'));
    const newer = JSON.stringify({ type: 'offsite/latest/1', format: 2 });
    stack.memory.overwrite('latest/purr/data.json', Buffer.from(newer));
    const found = await status();
    assert.deepEqual(found.unread, ['latest/carcosa/data.json', 'latest/purr/data.json']);
    assert.equal(isWell(found), false);
    assert.equal(found.sets.length, 2);
    await assert.rejects(currentHeads(stack.memory, stack.clock.now()), /cannot be read/);
  });

  test('a store that fails is no fleet that is well', async () => {
    await audited('2026-11-19T13:00:00Z');
    const store = faultyStore(stack.memory, {
      faults: [{ operation: 'list', key: /^alerts/, does: 'fail', times: 9 }],
    });
    await assert.rejects(fleetStatus(store, { now: stack.clock.now() }), (error) =>
      isOffsiteError(error, 'store-transient'),
    );
  });
});

test('no fleet file, and a host that is not in it', async () => {
  const empty = new MemoryStore({ clock: stack.clock });
  await assert.rejects(
    fleetStatus(empty, { now: stack.clock.now() }),
    (error) => isOffsiteError(error, 'fleet-missing') && /fleet apply/.test(error.hint),
  );
  await assert.rejects(
    status('ghost'),
    (error) => isOffsiteError(error, 'host-unknown') && /carcosa, purr/.test(error.hint),
  );
  await assert.rejects(status('constructor'), (error) => isOffsiteError(error, 'host-unknown'));
});

test('heads are the lines of the digest', async () => {
  for (const due of [D20, D21]) for (const host of ['carcosa', 'purr']) await stack.goodRun(due, { host });
  await audited('2026-11-21T06:59:00Z', '2026-11-21T07:00:00Z');
  const lines = await currentHeads(stack.memory, stack.clock.now());
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? '', /^carcosa\/data 2 [0-9a-f]{8}$/);
  const [digest] = stack.notifier.takeDigests().slice(-1);
  assert.ok(digest?.email.includes(`\n${lines.join('\n')}\n`), digest?.email);
});

describe('schedules', () => {
  const fleet = parseFleet(
    fleetFile({ carcosa: {} }, { nightly: NIGHTLY, weekly: { ...NIGHTLY, full: 'cron(0 0 ? * SUN *)' } }),
    'fleet.yml',
    new Date(D20),
  );
  test('all there', () => {
    const found = new Set(['nightly incremental', 'weekly full', 'weekly incremental']);
    assert.deepEqual(scheduleFaults(fleet, found), { missing: [], surplus: [] });
  });
  test('one not there, one too many', () => {
    const found = new Set(['nightly incremental', 'weekly full', 'nightly full']);
    assert.deepEqual(scheduleFaults(fleet, found), { missing: ['weekly incremental'], surplus: ['nightly full'] });
  });
});

describe('a fleet of 500', () => {
  const names = Array.from({ length: 500 }, (_, i) => `h${String(i).padStart(3, '0')}`);
  const hosts = Object.fromEntries(names.map((name) => [name, {}]));

  test('what is not well, and how many are; all of them where that is asked for', async () => {
    await stack.apply(
      fleetFile({ ...hosts, carcosa: {}, purr: {} }, { nightly: { ...NIGHTLY, hosts: [...names, 'carcosa', 'purr'] } }),
    );
    await stack.goodRun(D20);
    stack.at(D22);
    const found = await status();
    const good = { newestGood: { run: 'run', received: D21, ageSeconds: 86_400 }, problems: [] };
    const well = { ...found, sets: found.sets.map((one) => (one.host === 'h007' ? one : { ...one, ...good })) };
    const lines = text(well).split('\n');
    assert.ok(lines.length < 12, text(well));
    assert.match(text(well), /^h007 +data +none yet/m);
    assert.match(
      text(well),
      /^501 of 502 sets are well; --all lists them\. The oldest of their newest backups is of 1d ago\.$/m,
    );
    assert.equal(
      text(well, true)
        .split('\n')
        .filter((line) => /^h\d{3} /.test(line)).length,
      500,
    );
    assert.ok(found.sets.every(({ next }) => next !== null));
  });

  test('a thousand problems are a page, not ten', async () => {
    const found = await status();
    const problem = { kind: 'missed', host: 'carcosa', set: 'data', policy: null, began: { at: D20 }, furtherCount: 2 };
    const more = { reasons: [{ code: 'never-started', text: '' }], told: D20, under: null };
    const problems = Array.from({ length: 1000 }, () => ({ ...problem, ...more }) as never);
    const lines = text({ ...found, problems }).split('\n');
    assert.ok(lines.length < 120);
    assert.ok(lines.includes('  and 900 more (--json lists them)'));
    assert.ok(
      lines.some((line) =>
        /MISSED {2}carcosa\/data {2}since 2026-11-20 04:00 UTC {2}3 times {2}never started$/.test(line),
      ),
    );
  });
});
