import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encodeFleet, FLEET_POINTER_KEY, type FleetVersionName } from '../../contract/fleet-store.ts';
import { FleetArchive, rulingAt } from '../../functions/lib/fleet-archive.ts';
import { MemoryStore } from '../../store/memory.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { fleetFile } from '../helpers/test-stack.ts';

const T = (day: number) => new Date(Date.UTC(2026, 10, day, 12));

/** A version for each day, naming one host after the day; returns their names. */
async function stored(store: MemoryStore, ...days: number[]): Promise<FleetVersionName[]> {
  const names: FleetVersionName[] = [];
  for (const day of days) {
    const encoded = encodeFleet(fleetFile({ [`host${day}`]: {} }), T(day), names.at(-1) ?? null);
    await store.put(encoded.key, encoded.bytes, { condition: 'absent' });
    store.overwrite(FLEET_POINTER_KEY, encoded.pointer);
    names.push(encoded.name);
  }
  return names;
}
const keyOf = ({ applied, sha256 }: FleetVersionName) =>
  `config/fleet/${applied.replace(/[-:]/g, '')}-${sha256.slice(0, 32)}.json`;
const hosts = (history: Awaited<ReturnType<FleetArchive['history']>>) =>
  history.rulings.flatMap(({ fleet }) => Object.keys(fleet.hosts));

describe('the fleet file’s history', () => {
  test('is what config/fleet.json names and what each version replaced, as far back as it is asked for', async () => {
    const store = new MemoryStore();
    await stored(store, 10, 12, 14);
    const archive = new FleetArchive(store);
    const all = await archive.history(T(1));
    assert.deepEqual([hosts(all), all.trouble], [['host14', 'host12', 'host10'], null]);
    assert.deepEqual(
      all.rulings.map(({ applied, until }) => [applied, until]),
      [
        [T(14), null],
        [T(12), T(14)],
        [T(10), T(12)],
      ],
    );
    assert.deepEqual(hosts(await archive.history(T(13))), ['host14', 'host12']);
    assert.deepEqual(hosts(await archive.history(T(12))), ['host14', 'host12']);
    assert.deepEqual(hosts(await archive.history(T(20))), ['host14']);
  });

  test('says who ruled at an instant: from the second it was applied', async () => {
    const store = new MemoryStore();
    await stored(store, 10, 12);
    const history = await new FleetArchive(store).history(T(1));
    const at = (instant: Date) => Object.keys(rulingAt(history, instant)?.fleet.hosts ?? {})[0];
    assert.deepEqual(
      [at(T(9)), at(T(10)), at(new Date(+T(12) - 1)), at(T(12)), at(T(30))],
      [undefined, 'host10', 'host10', 'host12', 'host12'],
    );
  });

  test('reads each version once', async () => {
    const memory = new MemoryStore();
    await stored(memory, 10, 12, 14);
    const counting = faultyStore(memory);
    const archive = new FleetArchive(counting);
    for (let i = 0; i < 5; i++) await archive.history(T(1));
    assert.equal(counting.calls.filter(({ key }) => key.startsWith('config/fleet/')).length, 3);
  });

  test('goes around a version that is lost or damaged in the middle', async () => {
    for (const damage of ['lost', 'damaged', 'newer']) {
      const store = new MemoryStore();
      const names = await stored(store, 10, 12, 14);
      const key = keyOf(names[1] as FleetVersionName);
      if (damage === 'lost') store.remove(key);
      else
        store.overwrite(key, Buffer.from(damage === 'damaged' ? '{' : '{"type":"offsite/fleet-version/2","format":2}'));
      assert.deepEqual(hosts(await new FleetArchive(store).history(T(1))), ['host14', 'host10'], damage);
    }
  });

  test('begins with the newest usable version where the one in force is none, and says so', async () => {
    const store = new MemoryStore();
    const names = await stored(store, 10, 12, 14);
    store.overwrite(keyOf(names[2] as FleetVersionName), Buffer.from('{'));
    const history = await new FleetArchive(store).history(T(1));
    assert.deepEqual([hosts(history), history.trouble?.kind], [['host12', 'host10'], 'fleet-invalid']);
    store.remove(FLEET_POINTER_KEY);
    assert.equal((await new FleetArchive(store).history(T(1))).trouble?.kind, 'fleet-missing');
  });

  test('without hosts or policies a version is no fleet file', async () => {
    const store = new MemoryStore();
    const [name] = await stored(store, 10);
    for (const empty of [fleetFile({}, {}), fleetFile({ a: {} }, {})]) {
      const encoded = encodeFleet(empty, T(12), name ?? null);
      store.overwrite(encoded.key, encoded.bytes);
      store.overwrite(FLEET_POINTER_KEY, encoded.pointer);
      const history = await new FleetArchive(store).history(T(20));
      assert.deepEqual([hosts(history), history.trouble?.kind], [['host10'], 'fleet-invalid']);
    }
  });

  test('is empty in an empty store', async () => {
    assert.deepEqual(await new FleetArchive(new MemoryStore()).history(T(1)), {
      rulings: [],
      trouble: { kind: 'fleet-missing', text: 'config/fleet.json is not in the store' },
    });
  });

  test('a bad day of the store is no bad fleet file', async () => {
    const store = new MemoryStore();
    await stored(store, 10);
    for (const code of ['store-throttled', 'store-denied', 'store-transient'] as const) {
      const faults = [{ operation: 'get', key: /^config\/fleet\//, does: 'fail', code }] as const;
      await assert.rejects(new FleetArchive(faultyStore(store, { faults })).history(T(1)), { code });
    }
  });

  test('what would not be readable again is not encoded', () => {
    assert.throws(() => encodeFleet({ store: 's3://x' }, T(1), null), { code: 'fleet-invalid' });
  });
});
