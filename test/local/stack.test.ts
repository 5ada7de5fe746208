/** The stack on one machine, with real agents: slots, a missed one, a failing script, a fleet file that changes. */

import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { stringify } from 'yaml';
import { isOffsiteError } from '../../contract/errors.ts';
import type { LocalHost } from '../../local/child-process.ts';
import { ManualClock } from '../../local/clock.ts';
import { Outbox } from '../../local/outbox.ts';
import { LocalStack } from '../../local/stack.ts';
import { readPublicKeys } from '../../pgp/keys.ts';
import { openStore } from '../../store/wire.ts';
import { ended, Home, offsite, oneDocument } from '../helpers/offsite.ts';

const HOUR = 3_600_000;
const home = new Home();
after(() => home[Symbol.dispose]());

ended(await home.makeKeys(), 0);
const hosts = new Map<string, LocalHost>();
for (const name of ['carcosa', 'purr']) {
  ended(await home.init(name, ['--path', home.path(name, 'files')]), 0);
  home.write(`${name}/files/one`, `of ${name}\n`);
  hosts.set(name, { config: home.config(name), online: true });
}
ended(await offsite(['trust', 'carcosa', 'purr', '--yes', ...home.operator]), 0);

/** The hour before the first slot: yesterday at 02:30 UTC. */
const start = new Date(Math.floor(Date.now() / (24 * HOUR)) * 24 * HOUR - 24 * HOUR + 2.5 * HOUR);
const clock = new ManualClock(start);
const at = (hour: number) => new Date(start.getTime() + (hour - 2.5) * HOUR);
const subjects: string[] = [];
const said: string[] = [];
const anchor = await readPublicKeys(readFileSync(home.publicKey), 'operator');
const outbox = new Outbox(home.path('outbox'), clock, ({ subject }) => subjects.push(subject.replace('Offsite: ', '')));
const stack = new LocalStack({
  store: await openStore(home.store),
  clock,
  anchor,
  hosts,
  notifier: outbox,
  onAgent: (node, exitCode) => said.push(`${node} ${exitCode}`),
});

function fleet(more: object = {}) {
  return {
    store: home.store,
    recipients: anchor.map(({ fingerprint }) => fingerprint),
    hosts: { carcosa: { node: 'carcosa', sets: ['data'] }, purr: { node: 'purr', sets: ['data'] } },
    policies: {
      nightly: {
        hosts: ['carcosa', 'purr'],
        full: 'cron(0 3 * * ? *)',
        incremental: 'cron(0 4/1 * * ? *)',
        deadline: '20m',
      },
    },
    ...more,
  };
}

/** On to half past the hour: what was told meanwhile, and how agents ended, sorted. */
async function until(hour: number): Promise<{ subjects: string[]; agents: string[] }> {
  await stack.runUntil(at(hour + 0.5));
  return { subjects: subjects.splice(0), agents: said.splice(0).sort() };
}

async function runsOf(host: string): Promise<{ type: string; outcome: string; started: string; verdict: string }[]> {
  const done = ended(await offsite(['runs', '--json', '--host', host, ...home.operator]), 0);
  return oneDocument<{ runs: { type: string; outcome: string; started: string; verdict: string }[] }>(done).runs;
}

test('a fleet file that is not valid changes nothing', async () => {
  await assert.rejects(
    stack.applyFleet(
      { ...fleet(), policies: { nightly: { hosts: ['nobody'], full: 'cron(0 3 * * ? *)' } } },
      'fleet.yml',
    ),
    (error) => isOffsiteError(error, 'fleet-invalid') && error.message.includes('fleet.yml: policies.nightly'),
  );
  assert.deepEqual(await until(1.9), { subjects: [], agents: [] });
});

test('the full slot, then an incremental one, by the clock of the stack; nothing is told', async () => {
  await stack.applyFleet(fleet(), 'fleet.yml');
  assert.deepEqual(await until(3), { subjects: [], agents: ['carcosa 0', 'purr 0'] });
  home.write('carcosa/files/two', 'more\n');
  assert.deepEqual(await until(4), { subjects: [], agents: ['carcosa 0', 'purr 0'] });
  const runs = await runsOf('carcosa');
  assert.deepEqual(
    runs.map(({ type, outcome, verdict, started }) => [type, outcome, verdict, started.slice(0, 16)]),
    [
      ['full', 'complete', 'complete', at(3).toISOString().slice(0, 16)],
      ['incremental', 'complete', 'complete', at(4).toISOString().slice(0, 16)],
    ],
  );
});

test('a host that is off misses its slot; one message then, one when it is back, and at seven the digest', async () => {
  const purr = hosts.get('purr');
  assert.ok(purr);
  purr.online = false;
  const missed = await until(6);
  assert.deepEqual(missed.agents, ['carcosa 0', 'carcosa 0']);
  assert.equal(missed.subjects.length, 1, 'two slots are missed, one message');
  assert.match(missed.subjects[0] ?? '', /^MISSED purr\/data since .*: never started$/);
  purr.online = true;
  const back = await until(7);
  assert.deepEqual(back.agents, ['carcosa 0', 'purr 0']);
  const [good, ...others] = back.subjects;
  assert.match(good ?? '', /^GOOD AGAIN purr\/data, was MISSED since [^,]*$/);
  assert.deepEqual(others, ['Offsite digest: all well, 2 sets of 2 hosts']);
  const names = readdirSync(home.path('outbox'));
  assert.equal(names.filter((name) => name.endsWith('.sms.txt')).length, 1, 'the good news is no SMS');
  assert.equal(names.filter((name) => name.endsWith('.email.txt')).length, 3);
});

test('a script that fails is named; when it is mended, that is told', async () => {
  const config = readFileSync(home.config('purr'), 'utf8');
  const script = home.write('purr/scripts/20-dump', '#!/bin/sh\nexit 9\n', 0o755);
  const set = { data: { paths: [home.path('purr/files')], scripts: home.path('purr/scripts') } };
  writeFileSync(home.config('purr'), `${config.slice(0, config.indexOf('sets:'))}${stringify({ sets: set })}`);
  const failed = await until(8);
  assert.deepEqual(failed.agents, ['carcosa 0', 'purr 1']);
  assert.match(failed.subjects.join(), /^FAILED purr\/data since .*: script 20-dump exit 9$/);
  writeFileSync(script, '#!/bin/sh\necho dump > dump\n');
  chmodSync(script, 0o755);
  assert.match((await until(9)).subjects.join(), /^GOOD AGAIN purr\/data, was FAILED since [^,]*$/);
});

test('a host that leaves the fleet file is asked no more, and not missed', async () => {
  const { carcosa } = fleet().hosts;
  const policies = { nightly: { ...fleet().policies.nightly, hosts: ['carcosa'] } };
  await stack.applyFleet(fleet({ hosts: { carcosa }, policies }), 'fleet.yml');
  assert.deepEqual(await until(11), { subjects: [], agents: ['carcosa 0', 'carcosa 0'] });
  const check = await offsite(['check', '--json', ...home.operator], { env: clock.environment() });
  const { ok, sets } = oneDocument<{ ok: boolean; sets: { host: string; slot: { due: string } | null }[] }>(
    ended(check, 0),
  );
  assert.deepEqual([ok, sets.map(({ host }) => host)], [true, ['carcosa']]);
  assert.equal(sets[0]?.slot?.due, at(11).toISOString());
});

test('check: a slot that was missed is a problem, until a later run is good', async () => {
  const carcosa = hosts.get('carcosa');
  assert.ok(carcosa);
  carcosa.online = false;
  await until(12);
  const env = clock.environment();
  const said = ended(await offsite(['check', ...home.operator], { env }), 1);
  assert.match(said.err, /^warning: carcosa, set data: no good backup of the slot due /m);
});
