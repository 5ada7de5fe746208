/**
 * Which fleet file was in force when: the history that `config/fleet.json` and the versions behind it make. See
 * contract/fleet-store.ts for how they lie in the store.
 */

import { isOffsiteError, OffsiteError } from '../../contract/errors.ts';
import type { Fleet } from '../../contract/fleet.ts';
import {
  FLEET_POINTER_KEY,
  type FleetVersionName,
  fleetOfVersion,
  fleetPointerKind,
  fleetVersionKey,
  fleetVersionKind,
} from '../../contract/fleet-store.ts';
import { sha256Hex } from '../../contract/ids.ts';
import { ALL_FLEET_VERSIONS, parseObjectKey } from '../../contract/keys.ts';
import type { ObjectStore } from '../../store/port.ts';
import { readDocument } from './documents.ts';

/** A fleet file and the time it was in force: from `applied` until the next one was. */
export interface Ruling {
  readonly fleet: Fleet;
  /** Of the version's object. */
  readonly sha256: string;
  readonly applied: Date;
  /** When the next one was applied; null for the one in force. */
  readonly until: Date | null;
}

export interface FleetTrouble {
  readonly kind: 'fleet-missing' | 'fleet-invalid';
  readonly text: string;
}

export interface FleetHistory {
  /** The newest first. Empty where no usable fleet file was ever applied. */
  readonly rulings: readonly Ruling[];
  /** What is wrong with the fleet file that should be in force; then the last usable one rules. */
  readonly trouble: FleetTrouble | null;
}

interface Version {
  readonly name: FleetVersionName;
  readonly previous: FleetVersionName | null;
  readonly fleet: Fleet;
}

const MAX_KEPT = 100;

/** Reads the history of one store. Versions never change, so each is fetched and checked once. */
export class FleetArchive {
  readonly #store: ObjectStore;
  readonly #versions = new Map<string, Version>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** The rulings back to the one that was in force at `since` (or to the first one). */
  async history(since: Date): Promise<FleetHistory> {
    const { start, trouble } = await this.#start();
    const rulings: Ruling[] = [];
    let until: Date | null = null;
    let version = start;
    while (version !== null) {
      const applied = new Date(version.name.applied);
      rulings.push({ fleet: version.fleet, sha256: version.name.sha256, applied, until });
      if (applied <= since) break;
      until = applied;
      version = await this.#before(version);
    }
    return { rulings, trouble };
  }

  /** The version in force; where it is missing or no good, the newest usable one. */
  async #start(): Promise<{ start: Version | null; trouble: FleetTrouble | null }> {
    const { document, fault } = await readDocument(this.#store, FLEET_POINTER_KEY, fleetPointerKind);
    const trouble = (kind: FleetTrouble['kind'], text: string) => ({ kind, text });
    if (document === null) {
      const start = await this.#newestBefore(null);
      if (fault !== null) return { start, trouble: trouble('fleet-invalid', fault.message) };
      return { start, trouble: trouble('fleet-missing', `${FLEET_POINTER_KEY} is not in the store`) };
    }
    try {
      return { start: await this.#read(document), trouble: null };
    } catch (error) {
      const why = unusable(error);
      return { start: await this.#newestBefore(document), trouble: trouble('fleet-invalid', why.message) };
    }
  }

  /** The version that this one replaced; where that is lost or damaged, the newest usable one before it. */
  async #before(version: Version): Promise<Version | null> {
    if (version.previous === null) return null;
    try {
      return await this.#read(version.previous);
    } catch (error) {
      unusable(error);
      return this.#newestBefore(version.previous);
    }
  }

  /** By the listing, which is in order of time. */
  async #newestBefore(name: FleetVersionName | null): Promise<Version | null> {
    const names: string[] = [];
    for await (const { key } of this.#store.list(ALL_FLEET_VERSIONS)) {
      if (parseObjectKey(key)?.kind === 'fleet-version' && (name === null || key < fleetVersionKey(name)))
        names.push(key);
    }
    for (const key of names.reverse()) {
      try {
        return await this.#readKey(key);
      } catch (error) {
        unusable(error);
      }
    }
    return null;
  }

  async #read(name: FleetVersionName): Promise<Version> {
    return this.#readKey(fleetVersionKey(name));
  }

  async #readKey(key: string): Promise<Version> {
    const known = this.#versions.get(key);
    if (known !== undefined) return known;
    const { body } = await this.#store.get(key, { maxBytes: fleetVersionKind.maxBytes });
    const sha256 = sha256Hex(body);
    const document = fleetVersionKind.parseBytes(body, key);
    const name = { applied: document.applied, sha256 };
    if (fleetVersionKey(name) !== key) throw damaged(key, 'its bytes are not the ones that its name says');
    const fleet = fleetOfVersion(document, key);
    if (Object.keys(fleet.hosts).length === 0 || Object.keys(fleet.policies).length === 0) {
      throw damaged(key, 'it is empty: without hosts and policies nothing is ever backed up');
    }
    const version = { name, previous: document.previous, fleet };
    if (this.#versions.size >= MAX_KEPT) this.#versions.clear();
    this.#versions.set(key, version);
    return version;
  }
}

/** The ruling that was in force at that time; null where none was. */
export function rulingAt(history: FleetHistory, instant: Date): Ruling | null {
  return history.rulings.find(({ applied }) => applied <= instant) ?? null;
}

function damaged(key: string, why: string): OffsiteError {
  return new OffsiteError('fleet-invalid', `${key}: ${why}`);
}

/** The error, where it says that a version cannot be used; else it is thrown: a bad day of the store is no bad file. */
function unusable(error: unknown): OffsiteError {
  const codes = [
    'store-absent',
    'fleet-invalid',
    'cron-invalid',
    'document-invalid',
    'document-too-large',
    'format-unknown',
  ] as const;
  if (isOffsiteError(error, ...codes)) return error;
  throw error;
}
