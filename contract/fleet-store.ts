/**
 * How fleet files lie in the store: every version that was ever applied, and `config/fleet.json`, which names the one in
 * force. They are not signed: who may write `config/` may schedule anyway, and no fleet file can make a host run, read
 * or encrypt anything that its own config does not name.
 *
 * A version holds the file as it was written, durations as text, with the `since` stamps of `fleet apply`; only
 * `parseFleet` reads it. Each names the version it replaced, so that what was in force at a due minute is found by
 * following the names back from `config/fleet.json`: a version whose apply died before it got that far never ruled.
 */

import * as z from 'zod';
import type { Json } from './canonical.ts';
import { type DocumentOf, documentKind, FORMAT, field } from './document.ts';
import { type Fleet, parseFleet } from './fleet.ts';
import { instantText, sha256Hex } from './ids.ts';
import { objectKey } from './keys.ts';

const named = z.object({ applied: field.instant, sha256: field.sha256 });
/** A version: when it was applied, and the SHA-256 of its object, whose key is made of both. */
export type FleetVersionName = z.infer<typeof named>;

export const fleetVersionKind = documentKind('fleet-version', {
  maxBytes: 16 * 1024 * 1024,
  shape: {
    applied: field.instant,
    /** The version that was in force before; null for the first. */
    previous: named.nullable(),
    fleet: z.record(z.string(), z.json()),
  },
});
export type FleetVersion = DocumentOf<typeof fleetVersionKind>;

/** `config/fleet.json`. Replaced by compare-and-swap. */
export const fleetPointerKind = documentKind('fleet', { maxBytes: 4096, shape: named.shape });

export const FLEET_POINTER_KEY = objectKey({ kind: 'fleet' });

/** The key of a version. */
export function fleetVersionKey(name: FleetVersionName): string {
  return objectKey({ kind: 'fleet-version', applied: new Date(name.applied), sha: name.sha256.slice(0, 32) });
}

export interface EncodedFleet {
  readonly name: FleetVersionName;
  /** To be put first, under this key and only if absent. */
  readonly key: string;
  readonly bytes: Buffer;
  /** To be put then, as `config/fleet.json`. */
  readonly pointer: Buffer;
}

/**
 * The two objects of a fleet file as parsed from YAML, stamps included. Throws `fleet-invalid` where it would not be
 * readable again. `previous` is what `config/fleet.json` names now.
 */
export function encodeFleet(fleet: Json, applied: Date, previous: FleetVersionName | null): EncodedFleet {
  parseFleet(fleet, 'fleet.yml', applied);
  const at = instantText(applied);
  const version = { type: fleetVersionKind.type, format: FORMAT, applied: at, previous, fleet };
  const bytes = Buffer.from(`${JSON.stringify(version, null, 1)}\n`);
  const name = { applied: at, sha256: sha256Hex(bytes) };
  const pointer = Buffer.from(`${JSON.stringify({ type: fleetPointerKind.type, format: FORMAT, ...name })}\n`);
  return { name, key: fleetVersionKey(name), bytes, pointer };
}

/**
 * The fleet file in a version. Its schedules are held against the time it was applied, not against today: one that was
 * good then and has run out since is no damaged file. Throws `fleet-invalid` naming `what`.
 */
export function fleetOfVersion(version: FleetVersion, what: string): Fleet {
  return parseFleet(version.fleet, what, new Date(version.applied));
}
