/** The embedded stack kept running, by a clock that goes on as fast as its agents are: dispatched, judged, missed, told. */

import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import type { Json } from '../../contract/canonical.ts';
import { objectKey } from '../../contract/keys.ts';
import { ManualClock, storeByClock } from '../../local/clock.ts';
import { Embedded } from '../../local/embedded.ts';
import { hostsIn } from '../../local/hosts.ts';
import { watch } from '../../local/watch.ts';
import { readPublicKeys } from '../../pgp/keys.ts';
import { putFleet } from '../../repository/fleet.ts';
import { openStore } from '../../store/wire.ts';
import type { Clock } from '../../system/clock.ts';
import { ended, Home, offsite, oneDocument } from '../helpers/offsite.ts';

const HOUR = 3_600_000;
const home = new Home();
after(() => home[Symbol.dispose]());

ended(await home.makeKeys(), 0);
mkdirSync(home.path('hosts'));
for (const name of ['carcosa', 'purr']) {
  ended(await home.init(name, ['--path', home.path(name, 'files')]), 0);
  home.write(`${name}/files/one`, `of ${name}\n`);
  cpSync(home.config(name), home.path('hosts', `${name}.yml`));
}
ended(await offsite(['trust', 'carcosa', 'purr', '--yes', ...home.operator]), 0);

/** Yesterday at 02:30 UTC, half an hour before the first slot. */
const start = new Date(Math.floor(Date.now() / (24 * HOUR)) * 24 * HOUR - 24 * HOUR + 2.5 * HOUR);
const at = (hour: number) => new Date(start.getTime() + (hour - 2.5) * HOUR);
const clock = new ManualClock(start);
const store = await openStore(home.store);
const anchor = await readPublicKeys(readFileSync(home.publicKey), 'operator');
const fleet = (full = 'cron(0 3,5 * * ? *)'): Json => ({
  store: home.store,
  recipients: anchor.map(({ fingerprint }) => fingerprint),
  hosts: { carcosa: { node: 'carcosa', sets: ['data'] }, purr: { node: 'purr', sets: ['data'] } },
  policies: { nightly: { hosts: ['carcosa', 'purr'], full, deadline: '30m' } },
  digest: 'cron(0 0 1 1 ? *)',
});

interface Seen {
  readonly dispatched: string[];
  readonly subjects: string[];
  readonly errors: unknown[];
}

/** A process of its own, so to speak, that is stopped at `hour`. */
async function watchUntil(hour: number, meanwhile: () => Promise<void> = async () => {}): Promise<Seen> {
  const seen: Seen = { dispatched: [], subjects: [], errors: [] };
  const stop = new AbortController();
  const embedded = new Embedded({
    store: storeByClock(store, clock),
    clock,
    anchor,
    hosts: () => hostsIn(home.path('hosts')),
    outbox: home.path('outbox'),
    environment: () => clock.environment(),
    onMessage: (subject) => seen.subjects.push(subject.replace('Offsite: ', '')),
  });
  const withAgents: Clock = {
    now: () => clock.now(),
    sleep: async (milliseconds, signal) => {
      await embedded.agents.settled();
      await clock.sleep(milliseconds, signal);
      await meanwhile();
      if (clock.now() >= at(hour)) stop.abort();
    },
  };
  await watch({
    stack: embedded.stack,
    agents: embedded.agents,
    clock: withAgents,
    signal: stop.signal,
    every: 5 * 60_000,
    onDispatched: ({ policy, type, due }, nodes) =>
      seen.dispatched.push(`${policy} ${type} ${due.toISOString().slice(11, 16)} ${nodes}`),
    onError: (error) => seen.errors.push(error),
  });
  await embedded.agents.settled();
  return seen;
}

async function runsOf(host: string): Promise<{ type: string; verdict: string }[]> {
  const said = ended(await offsite(['runs', '--json', '--host', host, ...home.operator]), 0);
  return oneDocument<{ runs: { type: string; verdict: string }[] }>(said).runs;
}

test('what is due is dispatched at its minute and judged; nothing else is, and nothing is told', async () => {
  await putFleet(store, fleet(), clock.now());
  const { dispatched, subjects, errors } = await watchUntil(4);
  assert.deepEqual([dispatched, subjects, errors], [['nightly full 03:00 2'], [], []]);
  for (const host of ['carcosa', 'purr'])
    assert.deepEqual(
      (await runsOf(host)).map(({ verdict }) => verdict),
      ['complete'],
    );
});

test('started late: what may still be asked for is asked for, and only once', async () => {
  clock.advanceTo(at(5.2));
  const late = await watchUntil(5.4);
  assert.deepEqual([late.dispatched, late.errors], [['nightly full 05:00 2'], []]);
  const again = await watchUntil(5.45);
  assert.deepEqual([again.dispatched, again.subjects, again.errors], [[], [], []]);
});

test('stopped over a whole slot: it is told as missed when it starts again', async () => {
  await putFleet(store, fleet('cron(0 3,5,7,9 * * ? *)'), clock.now());
  clock.advanceTo(at(8));
  const { dispatched, subjects, errors } = await watchUntil(8.2);
  assert.deepEqual([dispatched, errors], [[], []]);
  assert.ok(subjects.length > 0, 'somebody is told');
  const names = readdirSync(home.path('outbox'));
  assert.ok(names.some((name) => name.endsWith('.email.txt')));
});

test('a host that is not there any more: missed, while the others go on', async () => {
  rmSync(home.path('hosts/purr.yml'));
  const { dispatched, subjects } = await watchUntil(10);
  assert.deepEqual(dispatched, ['nightly full 09:00 1']);
  assert.ok(subjects.some((subject) => /UNKNOWN NODE purr/.test(subject)));
});

test('a manifest that came by itself is judged', async () => {
  ended(await offsite(['backup', 'full', ...home.as('carcosa')], { env: clock.environment() }), 0);
  const verdicts = () => {
    const folder = home.path('store/verdicts/carcosa/data');
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  assert.deepEqual(verdicts(), []);
  const { errors } = await watchUntil(10.3);
  assert.deepEqual([verdicts().length, errors], [1, []]);
});

test('a host whose config comes while it runs is asked', async () => {
  const { subjects, dispatched } = await watchUntil(11.6, async () => {
    if (existsSync(home.path('hosts/purr.yml'))) return;
    cpSync(home.config('purr'), home.path('hosts', 'purr.yml'));
    await putFleet(store, fleet('cron(0 11 * * ? *)'), clock.now());
  });
  assert.deepEqual(dispatched, ['nightly full 11:00 2']);
  assert.ok(!subjects.some((subject) => /^UNKNOWN NODE/.test(subject)), subjects.join());
});

test('a slot that could not be dispatched is tried again before its deadline', async () => {
  const [hosts, away] = [home.path('hosts'), home.path('hosts-away')];
  await putFleet(store, fleet('cron(0 12 * * ? *)'), clock.now());
  renameSync(hosts, away);
  const { dispatched, errors, subjects } = await watchUntil(12.4, async () => {
    if (clock.now() >= at(12.15) && existsSync(away)) renameSync(away, hosts);
  });
  assert.ok(errors.length > 0);
  assert.deepEqual([dispatched, subjects], [['nightly full 12:00 2'], []]);
});

test('what was due by the file before, and is open still, is asked for too', async () => {
  await putFleet(store, fleet('cron(0 13 * * ? *)'), clock.now());
  clock.advanceTo(at(13.05));
  await putFleet(store, fleet('cron(0 17 * * ? *)'), clock.now());
  const { dispatched, subjects, errors } = await watchUntil(13.2);
  assert.deepEqual([dispatched, subjects, errors], [['nightly full 13:00 2'], [], []]);
});

test('a record that cannot be read keeps nothing else from being judged', async () => {
  ended(await offsite(['backup', 'full', ...home.as('carcosa')], { env: clock.environment() }), 0);
  ended(await offsite(['backup', 'full', ...home.as('purr')], { env: clock.environment() }), 0);
  const before = (await runsOf('carcosa')).length + (await runsOf('purr')).length;
  const run = readdirSync(home.path('store/runs/carcosa/data')).sort().at(-1) ?? '';
  const verdict = home.path('store', objectKey({ kind: 'verdict', host: 'carcosa', set: 'data', run }));
  writeFileSync(verdict, '{"type":"offsite/verdict/9","format":1}');
  const { errors } = await watchUntil(13.4);
  assert.ok(errors.length > 0, 'it is said');
  assert.equal((await runsOf('purr')).at(-1)?.verdict, 'complete');
  assert.equal((await runsOf('carcosa')).length + (await runsOf('purr')).length, before);
  rmSync(verdict);
});
