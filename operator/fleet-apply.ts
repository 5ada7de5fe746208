/**
 * `offsite fleet apply`: everything is looked at and checked before anything changes, and what will change is known in
 * words. Then tags, certified keys and the version are put, none of which does anything by itself; `config/fleet.json`
 * comes last and is all that counts. Whoever dies before that types the same again.
 */

import type { Json } from '../contract/canonical.ts';
import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { type Fleet, parseFleet } from '../contract/fleet.ts';
import type { FleetVersionName } from '../contract/fleet-store.ts';
import { instantText } from '../contract/ids.ts';
import { FleetArchive } from '../functions/lib/fleet-archive.ts';
import { type Unwatched, unwatched, watchedBy } from '../functions/rules/unwatched.ts';
import type { PrivateKey, PublicKey } from '../pgp/keys.ts';
import {
  type FleetInForce,
  type FleetToPut,
  fleetToPut,
  putFleetVersion,
  readFleetInForce,
} from '../repository/fleet.ts';
import { readTrust } from '../repository/trust.ts';
import type { ObjectStore } from '../store/port.ts';
import { parseStoreUrl } from '../store/url.ts';
import type { Clock } from '../system/clock.ts';
import { agreedTime } from './fleet-clock.ts';
import { type Difference, differences } from './fleet-difference.ts';
import { type NextDue, nextDueOfPolicies } from './fleet-due.ts';
import { type HostKeys, hostKeys } from './fleet-keys.ts';
import { nodesToTag } from './fleet-node-check.ts';
import type { NodesPort } from './fleet-nodes.ts';
import { certify } from './trust.ts';

export interface ApplyPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Null where nodes are not to be looked at. */
  readonly nodes: NodesPort | null;
  /** The operator's public keys; null where none is known: then nobody's key is looked at. */
  readonly anchor: readonly PublicKey[] | null;
}

export interface ApplyRequest {
  /** As parsed from YAML. */
  readonly written: Json;
  /** The file's name, for what is said about it. */
  readonly file: string;
  /** Nodes without the tag are to get it; else they are refused. */
  readonly tag: boolean;
}

export interface ApplyPlan {
  readonly toPut: FleetToPut;
  readonly differences: readonly Difference[];
  /** What nobody will look after any more. */
  readonly unwatched: readonly Unwatched[];
  /** Of the policies that are new or have another schedule. */
  readonly next: readonly NextDue[];
  readonly tag: readonly string[];
  readonly keys: HostKeys;
  readonly warnings: readonly string[];
  /** A version is to be put into force; not where only tags or keys are to be set. */
  readonly puts: boolean;
}

export interface AppliedFleet {
  /** In force now. */
  readonly version: FleetVersionName;
  readonly tagged: readonly string[];
  /** The new serial of trust.json; null where it stays. */
  readonly trustSerial: number | null;
}

const NO_KEYS: HostKeys = { candidates: [], unregistered: [], warnings: [], refused: [] };

/** What the file says, before anybody is asked about it. Throws `fleet-invalid`. */
export function checkedFleet(written: Json, file: string, now: Date): Fleet {
  const fleet = parseFleet(written, file, now);
  const empty = (['hosts', 'policies'] as const).find((name) => Object.keys(fleet[name]).length === 0);
  if (empty !== undefined) {
    // The stack would take it for a damaged one.
    throw new OffsiteError(
      'fleet-invalid',
      `${file}: ${empty}: must name at least one; nothing would ever be backed up`,
    );
  }
  try {
    parseStoreUrl(fleet.store);
  } catch (error) {
    if (!isOffsiteError(error, 'store-url')) throw error;
    throw new OffsiteError('fleet-invalid', `${file}: store: ${error.message}`, { hint: error.hint, cause: error });
  }
  return fleet;
}

/**
 * What applying the file would do; nothing is changed. Throws `fleet-invalid` naming file, field, what was found and what
 * is expected; `stack-mismatch` for another store; `node-unknown`, `node-untagged`, `clock-wrong`; and what the store and
 * the stack throw.
 */
export async function planApply(ports: ApplyPorts, { written, file, tag }: ApplyRequest): Promise<ApplyPlan> {
  const { store, clock, nodes, anchor } = ports;
  checkedFleet(written, file, clock.now());
  const { inForce, isDamaged } = await usableFleet(store, clock);
  const now = await agreedTime({ store, clock, nodes }, inForce);
  const toPut = fleetToPut(inForce, written, { what: file, now });
  const { fleet } = toPut;
  refuseOtherStore(fleet, store, file);

  const before = inForce.fleet;
  const missing = nodes === null ? null : await nodesToTag(nodes, { fleet, before, file, tag });
  const keys = anchor === null ? NO_KEYS : await hostKeys(store, await readTrust(store, anchor), fleet);
  if (keys.refused.length > 0) throw new OffsiteError('fleet-invalid', `${file}: ${keys.refused.join('; ')}`);
  const rest = differences(before, fleet);
  const changed = rest.flatMap(({ of, what, name }) => (of === 'policy' && what !== 'removed' ? (name ?? []) : []));
  const toTag = missing?.tag ?? [];
  return {
    toPut,
    differences: rest,
    unwatched: before === null ? [] : unwatched(before, fleet),
    next: nextDueOfPolicies(fleet, [...new Set(changed)], now),
    tag: toTag,
    keys,
    warnings: [...warningsOf(fleet), ...pastPauses(fleet, before, now), ...(missing?.warnings ?? []), ...keys.warnings],
    puts: isDamaged || !toPut.isSame,
  };
}

/**
 * Does it. `key` signs trust.json, where keys are to be certified. Throws `fleet-changed` where somebody else has applied
 * a file since the plan was made.
 */
export async function applyPlan(
  { store, nodes, anchor, clock }: ApplyPorts,
  { toPut, puts, tag, keys }: ApplyPlan,
  key: PrivateKey | null,
): Promise<AppliedFleet> {
  if (tag.length > 0) await nodes?.tagNodes(tag);
  let trustSerial: number | null = null;
  if (keys.candidates.length > 0 && key !== null && anchor !== null) {
    const believing = { store, anchor, trust: await readTrust(store, anchor), alsoTrusted: [], onPassedOver: () => {} };
    trustSerial = await certify(believing, keys.candidates, { key, now: clock.now() });
  }
  const { name } = toPut.inForce;
  const version = puts || name === null ? await putFleetVersion(store, toPut) : name;
  return { version, tagged: tag, trustSerial };
}

/** What is in force; where `config/fleet.json` is lost or damaged, the last usable file, which rules meanwhile. */
async function usableFleet(store: ObjectStore, clock: Clock): Promise<{ inForce: FleetInForce; isDamaged: boolean }> {
  const inForce = await readFleetInForce(store);
  if (inForce.fleet !== null) return { inForce, isDamaged: false };
  const { rulings } = await new FleetArchive(store).history(clock.now());
  const [ruling] = rulings;
  if (ruling === undefined) return { inForce, isDamaged: true };
  const { fleet, applied, sha256 } = ruling;
  return { inForce: { ...inForce, fleet, name: { applied: instantText(applied), sha256 } }, isDamaged: true };
}

/** Region and endpoint say how it is reached, not which one it is. */
function refuseOtherStore(fleet: Fleet, store: ObjectStore, file: string): void {
  const placeOf = (url: string) => {
    const location = parseStoreUrl(url);
    return location.kind === 'directory' ? location.folder : `s3://${location.bucket}/${location.prefix}`;
  };
  if (placeOf(fleet.store) === placeOf(store.url)) return;
  const why = `${file}: store: is ${fleet.store}, and the store that was named is ${store.url}`;
  throw new OffsiteError('stack-mismatch', why, {
    hint: 'Leave --store and $OFFSITE_STORE out: the file names its store.',
  });
}

/** Most likely of another year than was meant. One that has ended since it was applied is nothing to say. */
function pastPauses(fleet: Fleet, before: Fleet | null, now: Date): string[] {
  const today = instantText(now).slice(0, 10);
  const untilOf = (of: Fleet | null, host: string) =>
    of !== null && Object.hasOwn(of.hosts, host) ? of.hosts[host]?.pause?.until : undefined;
  return Object.keys(fleet.hosts).flatMap((host) => {
    const until = untilOf(fleet, host);
    if (until === undefined || until > today || until === untilOf(before, host)) return [];
    return [`host ${host}: the pause until ${until} is over already, and changes nothing`];
  });
}

function warningsOf(fleet: Fleet): string[] {
  const watched = watchedBy(fleet);
  return Object.entries(fleet.hosts).flatMap(([host, { sets }]) => {
    const idle = sets.filter((set) => !watched.has(`${host}/${set}`));
    if (idle.length === 0) return [];
    if (idle.length === sets.length) return [`host ${host} is in no policy: it is never backed up`];
    return [`host ${host}: ${idle.join(', ')} ${idle.length === 1 ? 'is' : 'are'} in no policy and never backed up`];
  });
}
