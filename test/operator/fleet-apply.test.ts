/** `fleet apply`: what is refused before anything changes, what is said, and what is there afterwards. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { Json } from '../../contract/canonical.ts';
import { type ErrorCode, isOffsiteError } from '../../contract/errors.ts';
import { FleetArchive } from '../../functions/lib/fleet-archive.ts';
import { type ApplyPlan, type ApplyPorts, applyPlan, planApply } from '../../operator/fleet-apply.ts';
import type { PrivateKey } from '../../pgp/keys.ts';
import { readTrust } from '../../repository/trust.ts';
import { MemoryStore } from '../../store/memory.ts';
import { retried } from '../../store/retry.ts';
import { FakeClock, MINUTE } from '../helpers/fake-clock.ts';
import { FakeNodes } from '../helpers/fake-nodes.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { makeSigningKey, TestHost } from '../helpers/signed-run.ts';
import { fleetFile, NIGHTLY, testKeys } from '../helpers/test-stack.ts';

const START = '2026-11-20T12:00:00Z';
const LATER = '2026-11-20T13:00:00Z';
const { operator } = await testKeys();
const signing = [await makeSigningKey('carcosa'), await makeSigningKey('purr')] as const;
const foreign = await makeSigningKey('carcosa');

type Hosts = Parameters<typeof fleetFile>[0];
type Policies = Parameters<typeof fleetFile>[1];

let clock: FakeClock;
let store: MemoryStore;
let nodes: FakeNodes;
let ports: ApplyPorts;

beforeEach(() => {
  clock = new FakeClock(START);
  store = new MemoryStore({ clock, url: 's3://my-backups' });
  nodes = new FakeNodes();
  for (const name of ['carcosa', 'purr', 'third']) nodes.add(`mi-${name}`);
  ports = { store, clock, nodes, anchor: operator.anchor };
});

const request = (written: Json, tag = false) => ({ written, file: 'fleet.yml', tag });
const planned = (hosts: Hosts, policies?: Policies, tag = false) =>
  planApply(ports, request(fleetFile(hosts, policies), tag));
const carryOut = (plan: ApplyPlan) => applyPlan(ports, plan, operator.key);

async function apply(hosts: Hosts, policies?: Policies, tag = false): Promise<ApplyPlan> {
  const plan = await planned(hosts, policies, tag);
  await carryOut(plan);
  return plan;
}

async function objects(): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  for await (const { key } of store.list('')) all[key] = (await store.head(key)).etag;
  return all;
}

const inForce = async () => (await new FleetArchive(store).history(clock.now())).rulings[0];
const texts = ({ differences }: ApplyPlan) => differences.map(({ text }) => text);

/** The work is refused with this code and these words, and nothing in the store or at the nodes is changed by it. */
async function refuses(code: ErrorCode, words: RegExp, work: () => Promise<unknown>): Promise<void> {
  const before = await objects();
  await assert.rejects(work(), (error) => {
    assert.ok(isOffsiteError(error), String(error));
    assert.deepEqual(
      [error.code, words.test(`${error.message} ${error.hint}`)],
      [code, true],
      `${error.message} ${error.hint}`,
    );
    return true;
  });
  assert.deepEqual(await objects(), before);
  assert.deepEqual(nodes.tagged, []);
}

describe('refused before anything changes', () => {
  test('what the contract refuses, naming file and field', async () => {
    await refuses('fleet-invalid', /^fleet\.yml: policies\.nightly\.hosts: no host ghost/, () =>
      planned({ carcosa: {} }, { nightly: { ...NIGHTLY, hosts: ['ghost'] } }),
    );
    await refuses('fleet-invalid', /^fleet\.yml: hosts\.carcosa: unknown key "sett"/, () =>
      planned({ carcosa: { sett: 'data' } }),
    );
  });

  test('a file without hosts or without policies, which the stack would take for a damaged one', async () => {
    await refuses('fleet-invalid', /^fleet\.yml: hosts: must name/, () => planned({}, {}));
    await refuses('fleet-invalid', /^fleet\.yml: policies: must name/, () => planned({ carcosa: {} }, {}));
  });

  test('a store that is none', async () => {
    await refuses('fleet-invalid', /^fleet\.yml: store: The store URL/, () =>
      planApply(ports, request({ ...(fleetFile({ carcosa: {} }) as { [key: string]: Json }), store: 's3://b' })),
    );
  });

  test('a file of another store', async () => {
    ports = { ...ports, store: new MemoryStore({ clock, url: 's3://my-backups/other?region=eu-central-1' }) };
    await refuses('stack-mismatch', /store: is s3:\/\/my-backups.*my-backups\/other/, () => planned({ carcosa: {} }));
    // Where it is reached makes no difference.
    ports = { ...ports, store: new MemoryStore({ clock, url: 's3://my-backups?region=eu-central-1' }) };
    assert.ok((await planned({ carcosa: {} })).puts);
  });

  test('new nodes that the command service does not know, all of them, with the way to find the right one', async () => {
    await refuses('node-unknown', /hosts\.a\.node: mi-a.*hosts\.b\.node: mi-b.*fleet discover/s, () =>
      planned({ a: {}, carcosa: {}, b: {} }),
    );
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`h${i}`, {}]));
    await refuses('node-unknown', /hosts\.h9\.node.*and 20 more/s, () => planned(many));
  });

  test('new nodes without the tag, and those of another stack, also with --tag', async () => {
    nodes.add('mi-carcosa', { tag: 'none' });
    await refuses('node-untagged', /hosts\.carcosa\.node: mi-carcosa lacks the tag offsite=offsite.*--tag/s, () =>
      planned({ carcosa: {}, purr: {} }),
    );
    nodes.add('mi-purr', { tag: 'other' });
    await refuses('node-untagged', /mi-purr has the tag offsite of another stack/, () =>
      planned({ carcosa: {}, purr: {} }, undefined, true),
    );
  });

  test('a host of this machine whose own config has another name, or lacks a set', async () => {
    nodes.add('mi-carcosa', { own: { host: 'mi-carcosa', sets: ['data', 'etc'] } });
    await refuses('fleet-invalid', /hosts\.carcosa\.sets: .*no set var; it has data, etc/, () =>
      planned({ carcosa: { sets: ['data', 'var'] } }),
    );
    nodes.add('mi-carcosa', { own: { host: 'ythill', sets: ['data'] } });
    await refuses('fleet-invalid', /mi-carcosa calls itself ythill/, () => planned({ carcosa: {} }));
  });

  test('a pin that is none of the keys that the host has registered', async () => {
    const host = new TestHost({ store, clock }, { name: 'carcosa', signingKey: signing[0] });
    await host.register();
    const other = 'A'.repeat(40);
    await refuses(
      'fleet-invalid',
      new RegExp(`hosts\\.carcosa\\.signingKey: ${other} .*${signing[0].publicKey.fingerprint}`),
      () => planned({ carcosa: { signingKey: other } }),
    );
  });

  test('a clock that is wrong: off from AWS, or behind of what is in the store', async () => {
    nodes.time = new Date(+clock.now() + 11 * MINUTE);
    await refuses(
      'clock-wrong',
      /says 2026-11-20 12:00:00 UTC, but at AWS it is 2026-11-20 12:11:00 UTC.*timedatectl/s,
      () => planned({ carcosa: {} }),
    );
    nodes.time = new Date(+clock.now() - 11 * MINUTE);
    await refuses('clock-wrong', /at AWS it is 2026-11-20 11:49:00/, () => planned({ carcosa: {} }));
    nodes.time = null;
    await apply({ carcosa: {} });
    clock.set('2026-11-20T11:00:00Z');
    await refuses('clock-wrong', /the fleet file in force was applied at 2026-11-20 12:00:00/, () =>
      planned({ carcosa: {}, purr: {} }),
    );
    clock.set('2026-11-21T00:00:00Z');
    await store.put('audit/state.json', Buffer.from('{}'), { condition: 'absent' });
    clock.set('2026-11-20T20:00:00Z');
    await refuses('clock-wrong', /audit last ran at 2026-11-21 00:00:00/, () => planned({ carcosa: {}, purr: {} }));
  });
});

describe('what was in force before and has gone since', () => {
  test('an unknown or untagged node is said, and keeps nobody from pausing another host', async () => {
    await apply({ carcosa: {}, purr: {} });
    nodes.known.delete('mi-carcosa');
    nodes.add('mi-purr', { tag: 'none' });
    const plan = await apply({ carcosa: {}, purr: { pause: { until: '2026-12-24' } } });
    assert.equal(plan.warnings.length, 2);
    assert.match(plan.warnings[0] ?? '', /mi-carcosa is not known/);
    assert.match(plan.warnings[1] ?? '', /mi-purr lacks the tag/);
    assert.equal((await inForce())?.fleet.hosts.purr?.pause?.until, '2026-12-24');
  });

  test('another node of the same host is new', async () => {
    await apply({ carcosa: {} });
    await refuses('node-unknown', /mi-new/, () => planned({ carcosa: { node: 'mi-new' } }));
  });
});

describe('applying', () => {
  test('a first file: everything is said to be new, and is due from then on', async () => {
    const plan = await apply({ carcosa: {} });
    assert.deepEqual(texts(plan).slice(2), [
      'host carcosa is new: node mi-carcosa, set data',
      'policy nightly is new: 1 host (carcosa), all sets, incremental cron(0 4 * * ? *), deadline 8h',
    ]);
    assert.deepEqual(
      plan.next.map(({ policy, type, due }) => [policy, type, due.toISOString()]),
      [['nightly', 'incremental', '2026-11-21T04:00:00.000Z']],
    );
    const ruling = await inForce();
    assert.equal(ruling?.fleet.hosts.carcosa?.since, START);
    assert.equal(ruling?.applied.toISOString(), '2026-11-20T12:00:00.000Z');
  });

  test('the same file again, or in other words, changes nothing at all', async () => {
    await apply({ carcosa: {}, purr: {} });
    const before = await objects();
    clock.set(LATER);
    const again = await planned({ carcosa: {}, purr: {} }, { nightly: { ...NIGHTLY, deadline: '480m', sets: 'all' } });
    assert.deepEqual([again.puts, again.differences, again.tag, again.keys.candidates], [false, [], [], []]);
    await carryOut(again);
    assert.deepEqual(await objects(), before);
    const turned = await planned({ purr: {}, carcosa: {} }, { nightly: { ...NIGHTLY, hosts: ['carcosa', 'purr'] } });
    assert.equal(turned.puts, false);
  });

  test('a plan changes nothing by itself', async () => {
    nodes.add('mi-carcosa', { tag: 'none' });
    await new TestHost({ store, clock }, { name: 'carcosa', signingKey: signing[0] }).register();
    const before = await objects();
    const plan = await planned({ carcosa: {} }, undefined, true);
    assert.deepEqual([plan.puts, plan.tag, plan.keys.candidates.length], [true, ['mi-carcosa'], 1]);
    assert.deepEqual(await objects(), before);
    assert.deepEqual(nodes.tagged, []);
  });

  test("time is the stack's, and never before the file that is replaced", async () => {
    nodes.time = new Date('2026-11-20T12:05:00Z');
    await apply({ carcosa: {} });
    assert.equal((await inForce())?.fleet.hosts.carcosa?.since, '2026-11-20T12:05:00Z');
    nodes.time = new Date('2026-11-20T12:01:00Z');
    await apply({ carcosa: {}, purr: {} });
    clock.set(LATER);
    assert.equal((await inForce())?.fleet.hosts.purr?.since, '2026-11-20T12:05:00Z');
  });

  test('tags what lacks the tag, once', async () => {
    nodes.add('mi-carcosa', { tag: 'none' });
    await apply({ carcosa: {}, purr: {} }, undefined, true);
    assert.deepEqual(nodes.tagged, ['mi-carcosa']);
    const again = await planned({ carcosa: {}, purr: {} }, undefined, true);
    assert.deepEqual([again.puts, again.tag], [false, []]);
  });

  test('says who is watched no more, and who is in no policy', async () => {
    await apply({ carcosa: { sets: ['data', 'etc'] }, purr: {} });
    const plan = await planned(
      { carcosa: { sets: ['data', 'etc'] }, third: {} },
      { nightly: { ...NIGHTLY, hosts: ['carcosa'], sets: ['data'] } },
    );
    assert.deepEqual(plan.unwatched, [
      { host: 'carcosa', set: 'etc', only: null },
      { host: 'purr', set: 'data', only: null },
    ]);
    assert.deepEqual(plan.warnings, [
      'host carcosa: etc is in no policy and never backed up',
      'host third is in no policy: it is never backed up',
    ]);
  });

  test('a pause that is over already changes nothing, which is said once', async () => {
    const hosts = { carcosa: {}, purr: { pause: { until: '2026-11-01' } } };
    assert.deepEqual((await planned(hosts)).warnings, [
      'host purr: the pause until 2026-11-01 is over already, and changes nothing',
    ]);
    await apply(hosts);
    assert.deepEqual((await planned(hosts)).warnings, []);
  });

  test('without the nodes: nobody asks for them', async () => {
    ports = { ...ports, nodes: null };
    await apply({ anybody: {} });
    assert.deepEqual(Object.keys((await inForce())?.fleet.hosts ?? {}), ['anybody']);
  });
});

describe("hosts' signing keys", () => {
  const host = (name: string, key: PrivateKey = signing[0], prefix?: string) =>
    new TestHost({ store, clock }, { name, signingKey: key, ...(prefix === undefined ? {} : { prefix }) });
  const trusted = async () => (await readTrust(store, operator.anchor))?.trust;

  test('the first one of a host is certified from its first run on; who has none is named', async () => {
    await host('carcosa').register();
    const plan = await apply({ carcosa: {}, purr: {} });
    assert.deepEqual(plan.keys.unregistered, ['purr']);
    const trust = await trusted();
    assert.equal(trust?.serial, 1);
    assert.deepEqual(trust?.hosts, {
      'AROATEST:mi-carcosa': {
        name: 'carcosa',
        keys: [{ fingerprint: signing[0].publicKey.fingerprint, from: 1, until: null }],
      },
    });
    assert.deepEqual((await planned({ carcosa: {}, purr: {} })).keys.candidates, []);
    // It registers later: applying the same file certifies it, and makes no new version.
    await host('purr', signing[1]).register();
    const version = await inForce();
    const again = await apply({ carcosa: {}, purr: {} });
    assert.deepEqual([again.puts, again.keys.candidates.map((one) => one.host)], [false, ['purr']]);
    assert.equal((await trusted())?.serial, 2);
    assert.equal((await inForce())?.sha256, version?.sha256);
  });

  test('of several, the pinned one; without a pin nobody chooses', async () => {
    await host('carcosa').register();
    await host('carcosa').register(foreign);
    const open = await planned({ carcosa: {} });
    assert.deepEqual(open.keys.candidates, []);
    assert.match(open.warnings.join(), /carcosa has registered more than one key.*offsite trust carcosa --fingerprint/);
    const { fingerprint } = foreign.publicKey;
    const pinned = await planned({ carcosa: { signingKey: fingerprint } });
    assert.deepEqual(
      pinned.keys.candidates.map((one) => one.fingerprint),
      [fingerprint],
    );
  });

  test('a further key, or one under a further prefix, is not certified by applying a file', async () => {
    await host('carcosa').register();
    await apply({ carcosa: {} });
    await host('carcosa').register(foreign);
    await host('carcosa', signing[1], 'AROAOTHER:mi-carcosa').register();
    assert.deepEqual((await planned({ carcosa: {} })).keys.candidates, []);
  });

  test('a host that is renamed keeps its certificate under the old name, which is said', async () => {
    await host('carcosa').register();
    await apply({ carcosa: {} });
    const plan = await planned({ ythill: { node: 'mi-carcosa' } });
    assert.deepEqual(plan.keys.candidates, []);
    assert.match(plan.warnings.join(), /key of ythill is certified under the name carcosa/);
  });

  test('one of a host that has another name for itself is not certified under a name that its runs will not have', async () => {
    await host('carcosa', signing[1]).register();
    const plan = await planned({ carcosa: {} });
    assert.deepEqual(plan.keys.candidates, []);
    assert.match(plan.warnings.join(), /AROATEST:mi-carcosa calls itself purr, the fleet file carcosa/);
  });

  test('are not looked at where nobody says who the operator is', async () => {
    await host('carcosa').register();
    ports = { ...ports, anchor: null };
    const plan = await apply({ carcosa: {} });
    assert.deepEqual([plan.keys.candidates, await trusted()], [[], undefined]);
  });

  test('a trust.json that somebody else has signed is refused', async () => {
    await host('carcosa').register();
    await apply({ carcosa: {} });
    ports = { ...ports, anchor: [(await makeSigningKey()).publicKey] };
    await refuses('signature-invalid', /not signed by the operator/, () => planned({ carcosa: {} }));
  });
});

describe('bad days', () => {
  test('two at once: the slower one is told, and nothing of it is in force', async () => {
    await apply({ carcosa: {} });
    clock.set(LATER);
    const [first, second] = [await planned({ carcosa: {}, purr: {} }), await planned({ carcosa: {}, third: {} })];
    await carryOut(first);
    await assert.rejects(
      carryOut(second),
      (error) => isOffsiteError(error, 'fleet-changed') && /--dry-run/.test(error.hint),
    );
    assert.deepEqual(Object.keys((await inForce())?.fleet.hosts ?? {}), ['carcosa', 'purr']);
    const { rulings } = await new FleetArchive(store).history(new Date(0));
    assert.equal(rulings.length, 2);
  });

  test('two first ones at once', async () => {
    const [first, second] = [await planned({ carcosa: {} }), await planned({ purr: {} })];
    await carryOut(first);
    await assert.rejects(carryOut(second), (error) => isOffsiteError(error, 'fleet-changed'));
  });

  test('killed between the version and config/fleet.json: the old file rules on, and the same again is applied whole', async () => {
    await apply({ carcosa: {} });
    clock.set(LATER);
    const plan = await planned({ carcosa: {}, purr: {} });
    const dying = faultyStore(store, { faults: [{ operation: 'put', key: /fleet\.json$/, does: 'fail', times: 99 }] });
    await assert.rejects(applyPlan({ ...ports, store: dying }, plan, null));
    assert.deepEqual(Object.keys((await inForce())?.fleet.hosts ?? {}), ['carcosa']);
    clock.set('2026-11-20T14:00:00Z');
    await apply({ carcosa: {}, purr: {} });
    assert.equal((await inForce())?.fleet.hosts.purr?.since, '2026-11-20T14:00:00Z');
    const { rulings } = await new FleetArchive(store).history(new Date(0));
    assert.deepEqual(
      rulings.map(({ applied }) => applied.toISOString().slice(11, 13)),
      ['14', '12'],
    );
  });

  test('an answer that was lost is no race', async () => {
    await apply({ carcosa: {} });
    clock.set(LATER);
    const plan = await planned({ carcosa: {}, purr: {} });
    // The retry wrapper asks again, and is told that the object is not what it was: by its own first try.
    const lost = (key: RegExp) => ({ operation: 'put', key, does: 'lose-reply' }) as const;
    const lossy = faultyStore(store, { faults: [lost(/config\/fleet\/.*/), lost(/fleet\.json$/)] });
    await applyPlan({ ...ports, store: retried(lossy, { clock }) }, plan, null);
    assert.equal(lossy.calls.filter(({ operation }) => operation === 'put').length, 4);
    assert.ok((await inForce())?.fleet.hosts.purr);
  });

  test('config/fleet.json lost or damaged: the same file mends it, and its stamps and history stay', async () => {
    for (const damage of ['lost', 'damaged'] as const) {
      clock.set(START);
      for await (const { key } of store.list('config/')) store.remove(key);
      await apply({ carcosa: {} });
      clock.set(LATER);
      if (damage === 'lost') store.remove('config/fleet.json');
      else store.overwrite('config/fleet.json', Buffer.from('{}'));
      const plan = await apply({ carcosa: {} });
      assert.deepEqual([plan.puts, plan.differences], [true, []], damage);
      const { rulings, trouble } = await new FleetArchive(store).history(new Date(0));
      assert.deepEqual([trouble, rulings.length], [null, 2], damage);
      assert.equal(rulings[0]?.fleet.hosts.carcosa?.since, START);
    }
  });
});
