/**
 * Putting a fleet file into force: the version first, under a name of its own, then `config/fleet.json` that names it.
 * Who dies in between leaves a version that never ruled; whoever applies the same file again makes it a new one.
 */

import { isDeepStrictEqual } from 'node:util';
import type { Json } from '../contract/canonical.ts';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { type Fleet, parseFleet } from '../contract/fleet.ts';
import { stamped } from '../contract/fleet-stamps.ts';
import {
  encodeFleet,
  FLEET_POINTER_KEY,
  type FleetVersionName,
  fleetOfVersion,
  fleetPointerKind,
  fleetVersionKey,
  fleetVersionKind,
} from '../contract/fleet-store.ts';
import { instantText } from '../contract/ids.ts';
import type { ObjectStore, PutCondition } from '../store/port.ts';
import { putOnce } from './trust.ts';

/** What is in force, and how to replace it. */
export interface FleetInForce {
  /** Of `config/fleet.json`. */
  readonly condition: PutCondition;
  /** The version that it names; null where it names none. */
  readonly name: FleetVersionName | null;
  /** Null where there is none, or none that can be used: that must not keep a good one from being applied. */
  readonly fleet: Fleet | null;
  /** When `config/fleet.json` was put, by the store's clock. */
  readonly put: Date | null;
}

/** A fleet file that is good, stamped, and not in the store yet. */
export interface FleetToPut {
  readonly inForce: FleetInForce;
  readonly written: Json;
  /** With its stamps. */
  readonly fleet: Fleet;
  readonly now: Date;
  /** It says nothing but what the one in force says. */
  readonly isSame: boolean;
}

export async function readFleetInForce(store: ObjectStore): Promise<FleetInForce> {
  const pointer = await getIfThere(store, FLEET_POINTER_KEY, fleetPointerKind.maxBytes);
  if (pointer === null) return { condition: 'absent', name: null, fleet: null, put: null };
  const found = { condition: { etag: pointer.etag }, put: pointer.lastModified };
  const named = unlessDamaged(() => fleetPointerKind.parseBytes(pointer.body, FLEET_POINTER_KEY));
  if (named === null) return { ...found, name: null, fleet: null };
  const name = { applied: named.applied, sha256: named.sha256 };
  return { ...found, name, fleet: await readVersion(store, name) };
}

/** The file as parsed from YAML, stamped and checked; `what` is its name. Throws `fleet-invalid`. */
export function fleetToPut(inForce: FleetInForce, file: Json, { what, now }: { what: string; now: Date }): FleetToPut {
  const fleet = parseFleet(file, what, now);
  const written = stamped(file, { fleet, before: inForce.fleet, now: instantText(now) });
  const withStamps = parseFleet(written, what, now);
  return { inForce, written, fleet: withStamps, now, isSame: isDeepStrictEqual(withStamps, inForce.fleet) };
}

/** Puts it into force and returns its name. Throws `fleet-changed` where another file was applied since it was read. */
export async function putFleetVersion(
  store: ObjectStore,
  { inForce, written, now }: FleetToPut,
): Promise<FleetVersionName> {
  const encoded = encodeFleet(written, now, inForce.name);
  await putOnce(store, encoded.key, encoded.bytes, 'absent');
  try {
    await putOnce(store, FLEET_POINTER_KEY, encoded.pointer, inForce.condition);
  } catch (error) {
    if (!isOffsiteError(error, 'store-changed', 'store-exists')) throw error;
    throw new OffsiteError('fleet-changed', 'somebody else has applied a fleet file meanwhile', { cause: error });
  }
  return encoded.name;
}

/**
 * All of it at once; the name of the version in force then, which is the old one where nothing changed. What is new is
 * stamped `since: now`, so that nothing is due, and nothing missed, before it was there. Throws `fleet-invalid` before
 * anything changes, and `fleet-changed` where somebody else was faster.
 */
export async function putFleet(store: ObjectStore, fleet: Json, now: Date): Promise<FleetVersionName> {
  const inForce = await readFleetInForce(store);
  const toPut = fleetToPut(inForce, fleet, { what: 'fleet.yml', now });
  return toPut.isSame && inForce.name !== null ? inForce.name : putFleetVersion(store, toPut);
}

async function readVersion(store: ObjectStore, name: FleetVersionName): Promise<Fleet | null> {
  const key = fleetVersionKey(name);
  const object = await getIfThere(store, key, fleetVersionKind.maxBytes);
  if (object === null) return null;
  return unlessDamaged(() => fleetOfVersion(fleetVersionKind.parseBytes(object.body, key), key));
}

function unlessDamaged<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isOffsiteError(error, 'document-invalid', 'fleet-invalid', 'cron-invalid')) return null;
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
