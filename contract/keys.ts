/**
 * Object keys of format version 1: the only place that spells a prefix. `objectKey` builds, `parseObjectKey` is its
 * exact inverse, and refuses (null) whatever `objectKey` would not have built. docs/format.md holds the same table.
 */

import { OffsiteError } from './errors.ts';
import {
  type ChainId,
  compactInstant,
  isFingerprint,
  isHostName,
  isPolicyName,
  isPrefix,
  isRunId,
  isSetName,
  parseCompact,
  type RunId,
} from './ids.ts';

type RunPlace = { prefix: string; set: string; run: RunId };
type PartPlace = RunPlace & { chain: ChainId };
/** `sha` is the first 32 hex digits of the object's own SHA-256. */
type Numbered = { number: number; sha: string };

export type ObjectKey =
  | { kind: 'host'; prefix: string; fingerprint: string }
  | ({ kind: 'data' } & PartPlace & Numbered)
  | ({ kind: 'meta' } & PartPlace & Numbered)
  | ({ kind: 'index'; sha: string } & PartPlace)
  | ({ kind: 'session-key'; attempt: number; sha: string } & PartPlace)
  | ({ kind: 'started' } & RunPlace)
  | ({ kind: 'alive'; number: number } & RunPlace)
  | ({ kind: 'skipped' } & RunPlace)
  | ({ kind: 'manifest' } & RunPlace)
  | ({ kind: 'rewrapped-key'; number: number } & RunPlace)
  | ({ kind: 'accepted' } & RunPlace)
  | { kind: 'trust' }
  | { kind: 'fleet' }
  | { kind: 'fleet-version'; applied: Date; sha: string }
  | { kind: 'expected'; due: Date; policy: string }
  | { kind: 'sent'; due: Date; policy: string; number: number }
  | { kind: 'slot-verdict'; due: Date; policy: string; host: string; set: string; run: RunId }
  | { kind: 'closed'; due: Date; policy: string }
  | { kind: 'verdict'; host: string; set: string; run: RunId }
  | { kind: 'latest'; host: string; set: string }
  | { kind: 'audit-state' }
  | { kind: 'alert'; problem: string }
  | { kind: 'recovery'; file: 'README.txt' | 'recover.sh' };

const SHORT_SHA = /^[0-9a-f]{32}$/;
/** `<kind>.<set>.<host or policy>`, with `-` for what a problem has none of. Policy names may begin with a hyphen. */
const PROBLEM = /^[a-z][a-z-]{0,31}\.(?:-|[a-z0-9][a-z0-9_-]{0,31})\.[A-Za-z0-9-][A-Za-z0-9._-]{0,62}$/;
const MAX_NUMBER = 999_999_999;

/** Part numbers have six digits at least, so that listings of up to a million parts are in order. */
const padded = (number: number) => String(number).padStart(6, '0');

/** The key of an object. Throws `object-key-invalid` where a piece is not of its form. */
export function objectKey(key: ObjectKey): string {
  const text = spell(key);
  const back = parseObjectKey(text);
  if (back === null) throw new OffsiteError('object-key-invalid', `not a valid object key: ${text}`);
  return text;
}

function spell(key: ObjectKey): string {
  switch (key.kind) {
    case 'host':
      return `hosts/${key.prefix}/${key.fingerprint}.asc`;
    case 'data':
    case 'meta':
      return `${key.kind}/${partFolder(key)}/${padded(key.number)}-${key.sha}.pgp`;
    case 'index':
      return `meta/${partFolder(key)}/index-${key.sha}.pgp`;
    case 'session-key':
      return `meta/${partFolder(key)}/key-${key.attempt}-${key.sha}.pgp`;
    case 'started':
    case 'skipped':
    case 'manifest':
      return `${runFolder(key)}${key.kind}.json`;
    case 'alive':
      return `${runFolder(key)}alive-${key.number}.json`;
    case 'rewrapped-key':
      return `keys/${key.prefix}/${key.set}/${key.run}/${key.number}.json`;
    case 'accepted':
      return `accepted/${key.prefix}/${key.set}/${key.run}.json`;
    case 'trust':
      return 'config/trust.json';
    case 'fleet':
      return 'config/fleet.json';
    case 'fleet-version':
      return `config/fleet/${compactInstant(key.applied)}-${key.sha}.json`;
    case 'expected':
    case 'closed':
      return `${slotFolder(key)}${key.kind}.json`;
    case 'sent':
      return `${slotFolder(key)}sent/${key.number}.json`;
    case 'slot-verdict':
      return `${slotFolder(key)}verdicts/${key.host}/${key.set}/${key.run}.json`;
    case 'verdict':
      return `verdicts/${key.host}/${key.set}/${key.run}.json`;
    case 'latest':
      return `latest/${key.host}/${key.set}.json`;
    case 'audit-state':
      return 'audit/state.json';
    case 'alert':
      return `alerts/${key.problem}.json`;
    case 'recovery':
      return `recovery/${key.file}`;
  }
}

const partFolder = (key: PartPlace) => `${key.prefix}/${key.set}/${key.chain}/${key.run}`;

/** `runs/<prefix>/<set>/<run>/`, to list or to build upon. */
export const runFolder = (key: RunPlace): string => `${runsOfSet(key.prefix, key.set)}${key.run}/`;
/** All parts of one chain, of content or of listings. */
export const partsOfChain = (kind: 'data' | 'meta', of: { prefix: string; set: string; chain: ChainId }): string =>
  `${kind}/${of.prefix}/${of.set}/${of.chain}/`;
/** All chains of one prefix and set. */
export const chainsOfSet = (kind: 'data' | 'meta', of: { prefix: string; set: string }): string =>
  `${kind}/${of.prefix}/${of.set}/`;
/** All runs of one prefix and set. */
export const runsOfSet = (prefix: string, set: string): string => `runs/${prefix}/${set}/`;
/** All sets of one prefix. */
export const setsOfPrefix = (prefix: string): string => `runs/${prefix}/`;
/** All signing keys that a prefix registered. */
export const keysOfPrefix = (prefix: string): string => `hosts/${prefix}/`;
/** All re-wrapped key objects of a run. */
export const rewrappedKeysOfRun = (key: RunPlace): string => `keys/${key.prefix}/${key.set}/${key.run}/`;
/** Everything of one policy's due minute. */
export const slotFolder = (key: { due: Date; policy: string }): string => `${slotsOfDue(key.due)}${key.policy}/`;
/** All policies of one due minute. */
export const slotsOfDue = (due: Date): string => `slots/${compactInstant(due)}/`;
export const ALL_HOSTS = 'hosts/';
export const ALL_RUNS = 'runs/';
export const ALL_ACCEPTED = 'accepted/';
export const ALL_SLOTS = 'slots/';
export const ALL_ALERTS = 'alerts/';
export const ALL_LATEST = 'latest/';
/** Verdicts about runs that no slot asked for. */
export const ALL_UNASKED_VERDICTS = 'verdicts/';
export const ALL_FLEET_VERSIONS = 'config/fleet/';
/** Where a host may write, given its prefix: nothing else is ever needed by a backup with a job. */
export const placesOfHost = (prefix: string): string[] =>
  ['hosts', 'data', 'meta', 'runs'].map((top) => `${top}/${prefix}/`);

/** The pieces of a key, or null where it is not one that `objectKey` builds. */
export function parseObjectKey(text: string): ObjectKey | null {
  const key = read(text.split('/'));
  return key !== null && spell(key) === text ? key : null;
}

function read(pieces: string[]): ObjectKey | null {
  const [top, a = '', b = '', c = '', d = '', e = ''] = pieces;
  if (pieces.length > 7 || pieces.some((piece) => piece === '')) return null;
  switch (top) {
    case 'hosts': {
      const fingerprint = b.replace(/\.asc$/, '');
      return pieces.length === 3 && isPrefix(a) && isFingerprint(fingerprint)
        ? { kind: 'host', prefix: a, fingerprint }
        : null;
    }
    case 'data':
    case 'meta':
      return pieces.length === 6 ? readPart(top, { prefix: a, set: b, chain: c, run: d }, e) : null;
    case 'runs':
      return pieces.length === 5 ? readRunFile({ prefix: a, set: b, run: c }, d) : null;
    case 'keys': {
      const number = readNumber(d.replace(/\.json$/, ''));
      return pieces.length === 5 && isRunPlace(a, b, c) && number !== null
        ? { kind: 'rewrapped-key', prefix: a, set: b, run: c, number }
        : null;
    }
    case 'accepted': {
      const run = c.replace(/\.json$/, '');
      return pieces.length === 4 && isRunPlace(a, b, run) ? { kind: 'accepted', prefix: a, set: b, run } : null;
    }
    case 'config':
      return readConfig(pieces.slice(1));
    case 'slots':
      return readSlot(pieces.slice(1));
    case 'verdicts': {
      const run = c.replace(/\.json$/, '');
      return pieces.length === 4 && isHostName(a) && isSetName(b) && isRunId(run)
        ? { kind: 'verdict', host: a, set: b, run }
        : null;
    }
    case 'latest': {
      const set = b.replace(/\.json$/, '');
      return pieces.length === 3 && isHostName(a) && isSetName(set) ? { kind: 'latest', host: a, set } : null;
    }
    case 'audit':
      return pieces.length === 2 && a === 'state.json' ? { kind: 'audit-state' } : null;
    case 'alerts': {
      const problem = a.replace(/\.json$/, '');
      return pieces.length === 2 && PROBLEM.test(problem) ? { kind: 'alert', problem } : null;
    }
    case 'recovery':
      return pieces.length === 2 && (a === 'README.txt' || a === 'recover.sh') ? { kind: 'recovery', file: a } : null;
    default:
      return null;
  }
}

const isRunPlace = (prefix: string, set: string, run: string) => isPrefix(prefix) && isSetName(set) && isRunId(run);

function readNumber(text: string): number | null {
  return /^\d{1,9}$/.test(text) && Number(text) <= MAX_NUMBER ? Number(text) : null;
}

function readPart(kind: 'data' | 'meta', place: PartPlace, file: string): ObjectKey | null {
  if (!isRunPlace(place.prefix, place.set, place.run) || !isRunId(place.chain)) return null;
  const match = /^(?:(\d+)|(index)|key-(\d+))-([0-9a-f]{32})\.pgp$/.exec(file);
  if (match === null) return null;
  const [, digits, index, attempt, sha = ''] = match;
  if (!SHORT_SHA.test(sha)) return null;
  if (digits !== undefined) {
    const number = readNumber(digits);
    return number === null ? null : { kind, ...place, number, sha };
  }
  if (kind === 'data') return null;
  if (index !== undefined) return { kind: 'index', ...place, sha };
  const count = readNumber(attempt ?? '');
  return count === null ? null : { kind: 'session-key', ...place, attempt: count, sha };
}

function readRunFile(place: RunPlace, file: string): ObjectKey | null {
  if (!isRunPlace(place.prefix, place.set, place.run)) return null;
  if (file === 'started.json') return { kind: 'started', ...place };
  if (file === 'skipped.json') return { kind: 'skipped', ...place };
  if (file === 'manifest.json') return { kind: 'manifest', ...place };
  const alive = readNumber(/^alive-(\d+)\.json$/.exec(file)?.[1] ?? '');
  return alive === null ? null : { kind: 'alive', ...place, number: alive };
}

function readConfig(pieces: string[]): ObjectKey | null {
  const [first = '', second = ''] = pieces;
  if (pieces.length === 1)
    return first === 'trust.json' ? { kind: 'trust' } : first === 'fleet.json' ? { kind: 'fleet' } : null;
  const match = /^(\d{8}T\d{6}Z)-([0-9a-f]{32})\.json$/.exec(second);
  const applied = parseCompact(match?.[1] ?? '');
  return pieces.length === 2 && first === 'fleet' && applied !== null
    ? { kind: 'fleet-version', applied, sha: match?.[2] ?? '' }
    : null;
}

function readSlot(pieces: string[]): ObjectKey | null {
  const [dueText = '', policy = '', what = '', host = '', set = '', file = ''] = pieces;
  const due = parseCompact(dueText);
  if (due === null || !isPolicyName(policy)) return null;
  if (pieces.length === 3 && what === 'expected.json') return { kind: 'expected', due, policy };
  if (pieces.length === 3 && what === 'closed.json') return { kind: 'closed', due, policy };
  if (pieces.length === 4 && what === 'sent') {
    const number = readNumber(host.replace(/\.json$/, ''));
    return number === null ? null : { kind: 'sent', due, policy, number };
  }
  const run = file.replace(/\.json$/, '');
  return pieces.length === 6 && what === 'verdicts' && isHostName(host) && isSetName(set) && isRunId(run)
    ? { kind: 'slot-verdict', due, policy, host, set, run }
    : null;
}
