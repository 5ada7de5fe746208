/** Putting a fleet file into force: the version first, under a name of its own, then `config/fleet.json` that names it. */

import type { Json } from '../contract/canonical.ts';
import { isOffsiteError } from '../contract/errors.ts';
import {
  encodeFleet,
  FLEET_POINTER_KEY,
  type FleetVersion,
  type FleetVersionName,
  fleetPointerKind,
  fleetVersionKey,
  fleetVersionKind,
} from '../contract/fleet-store.ts';
import { instantText } from '../contract/ids.ts';
import type { ObjectStore } from '../store/port.ts';

type Mapping = { [key: string]: Json };

/**
 * Applies a fleet file as parsed from YAML; the name of the version in force then, which is the old one where nothing
 * changed. What is new is stamped `since: now`, so that nothing is due, and nothing missed, before it was there. Throws
 * `fleet-invalid` before anything changes, and `store-changed` or `store-exists` where somebody else was faster.
 */
export async function putFleet(store: ObjectStore, fleet: Json, now: Date): Promise<FleetVersionName> {
  const pointer = await getIfThere(store, FLEET_POINTER_KEY, fleetPointerKind.maxBytes);
  const previous = pointer === null ? null : fleetPointerKind.parseBytes(pointer.body, FLEET_POINTER_KEY);
  const name = previous === null ? null : { applied: previous.applied, sha256: previous.sha256 };
  const before = name === null ? null : await readVersion(store, name);
  const stamped = stampSince(fleet, before?.fleet ?? null, instantText(now));
  if (name !== null && JSON.stringify(stamped) === JSON.stringify(before?.fleet)) return name;
  const encoded = encodeFleet(stamped, now, name);
  await store.put(encoded.key, encoded.bytes, { condition: 'absent' });
  await store.put(FLEET_POINTER_KEY, encoded.pointer, {
    condition: pointer === null ? 'absent' : { etag: pointer.etag },
  });
  return encoded.name;
}

/** A version that cannot be read must not keep a good file from being applied: then everything is stamped anew. */
async function readVersion(store: ObjectStore, name: FleetVersionName): Promise<FleetVersion | null> {
  const key = fleetVersionKey(name);
  const object = await getIfThere(store, key, fleetVersionKind.maxBytes);
  try {
    return object === null ? null : fleetVersionKind.parseBytes(object.body, key);
  } catch (error) {
    if (isOffsiteError(error, 'document-invalid', 'format-unknown')) return null;
    throw error;
  }
}

async function getIfThere(store: ObjectStore, key: string, maxBytes: number) {
  try {
    return await store.get(key, { maxBytes });
  } catch (error) {
    if (isOffsiteError(error, 'store-absent')) return null;
    throw error;
  }
}

/** Hosts keep their stamp while their name stays; policies while their schedule and deadline stay. */
function stampSince(fleet: Json, before: Json, now: string): Json {
  if (!isMapping(fleet)) return fleet;
  const old = isMapping(before) ? before : {};
  const stamp = (
    value: Json | undefined,
    known: Json | undefined,
    same: (one: Mapping, other: Mapping) => boolean,
  ): Json => {
    if (!isMapping(value)) return value ?? null;
    const stamped: Mapping = {};
    for (const [name, item] of Object.entries(value)) {
      const other = isMapping(known) ? known[name] : undefined;
      const isSame = isMapping(item) && isMapping(other) && same(item, other);
      stamped[name] = isMapping(item) ? { ...item, since: isSame ? (other.since ?? now) : now } : item;
    }
    return stamped;
  };
  const sameSchedule = (one: Mapping, other: Mapping) =>
    one.full === other.full && one.incremental === other.incremental && one.deadline === other.deadline;
  return {
    ...fleet,
    hosts: stamp(fleet.hosts, old.hosts, () => true),
    policies: stamp(fleet.policies, old.policies, sameSchedule),
  };
}

function isMapping(value: Json | undefined): value is Mapping {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
