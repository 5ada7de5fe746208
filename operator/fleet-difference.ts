/** What a fleet file changes, in words: each change is a line that says who or what, and what becomes of it. Pure. */

import { isDeepStrictEqual } from 'node:util';
import { DEFAULT_DIGEST, type Fleet, type FleetHost, type FleetPolicy } from '../contract/fleet.ts';

export interface Difference {
  readonly of: 'fleet' | 'host' | 'policy';
  /** Of the host or policy; null for what is said of the whole fleet. */
  readonly name: string | null;
  readonly what: 'added' | 'removed' | 'renamed' | 'changed';
  readonly text: string;
}

type Say = (text: string, what?: Difference['what']) => Difference;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `before` is null where there was no usable fleet file; then everything is added. Stamps are no difference. */
export function differences(before: Fleet | null, after: Fleet): Difference[] {
  return [...ofFleet(before, after), ...ofHosts(before, after), ...ofPolicies(before, after)];
}

function ofFleet(before: Fleet | null, after: Fleet): Difference[] {
  const say: Say = (text, what = 'changed') => ({ of: 'fleet', name: null, what, text });
  const found: Difference[] = [];
  const { recipients, store, stack, digest, heartbeat } = after;
  if (before === null) {
    found.push(say(`the first fleet file of ${store}, for the stack ${stack}`, 'added'));
    found.push(say(`every backup must be readable by ${recipients.join(', ')}`, 'added'));
    if (digest !== DEFAULT_DIGEST) found.push(say(`the digest is due at ${digest}`, 'added'));
    if (heartbeat !== undefined) found.push(say(`heartbeat to ${heartbeat}`, 'added'));
    return found;
  }
  if (store !== before.store) found.push(say(`store: ${before.store} becomes ${store}`));
  if (stack !== before.stack)
    found.push(say(`stack: ${before.stack} becomes ${stack}; the rules of ${before.stack} stay`));
  found.push(...listChange('recipients', before.recipients, recipients).map((text) => say(text)));
  if (digest !== before.digest) found.push(say(`digest: due at ${digest} instead of ${before.digest}`));
  if (heartbeat !== before.heartbeat) found.push(say(optionChange('heartbeat', before.heartbeat, heartbeat)));
  return found;
}

function ofHosts(before: Fleet | null, after: Fleet): Difference[] {
  const found: Difference[] = [];
  const old = before?.hosts ?? {};
  const nameOfNode = new Map(Object.entries(old).map(([name, { node }]) => [node, name]));
  const renamed = new Map<string, string>();
  for (const [name, host] of Object.entries(after.hosts)) {
    const say: Say = (text, what = 'changed') => ({ of: 'host', name, what, text: `host ${name} ${text}` });
    const known = ownOf(old, name);
    const former = nameOfNode.get(host.node);
    if (known === undefined && former !== undefined && ownOf(after.hosts, former) === undefined) {
      renamed.set(former, name);
      found.push(
        say(`is what ${former} was called (node ${host.node}); its history until now stays under ${former}`, 'renamed'),
      );
      found.push(...changesOfHost(ownOf(old, former) ?? host, host).map((text) => say(text)));
    } else if (known === undefined) {
      const more = changesOfHost({ node: host.node, sets: host.sets }, host).map((text) => `; ${text}`);
      found.push(say(`is new: node ${host.node}, ${setsOf(host.sets)}${more.join('')}`, 'added'));
    } else {
      found.push(...changesOfHost(known, host).map((text) => say(text)));
    }
  }
  for (const [name, { node }] of Object.entries(old)) {
    if (ownOf(after.hosts, name) !== undefined || renamed.has(name)) continue;
    found.push({ of: 'host', name, what: 'removed', text: `host ${name} is removed (node ${node}); its backups stay` });
  }
  return found;
}

function changesOfHost(before: FleetHost, after: FleetHost): string[] {
  const found: string[] = [];
  if (before.node !== after.node) found.push(`is another machine: node ${after.node} instead of ${before.node}`);
  found.push(...listChange('sets', before.sets, after.sets));
  if (before.signingKey !== after.signingKey)
    found.push(optionChange('pinned signing key', before.signingKey, after.signingKey));
  const [was, is] = [before.pause?.until, after.pause?.until];
  if (was !== is) {
    if (is === undefined) found.push(`is not paused any more (was until ${was})`);
    else
      found.push(
        `is paused until ${is}${was === undefined ? '' : ` instead of ${was}`}: nothing is due before that day`,
      );
  }
  if (!isDeepStrictEqual(before.anomalies, after.anomalies)) {
    const { anomalies } = after;
    if (anomalies === undefined) found.push('has its runs held against earlier ones again');
    else
      found.push(
        `has ${anomalies === 'off' ? 'no run' : `no run of ${Object.keys(anomalies).join(', ')}`} held against earlier ones any more`,
      );
  }
  return found;
}

function ofPolicies(before: Fleet | null, after: Fleet): Difference[] {
  const found: Difference[] = [];
  const old = before?.policies ?? {};
  for (const [name, policy] of Object.entries(after.policies)) {
    const known = ownOf(old, name);
    const say: Say = (text, what = 'changed') => ({ of: 'policy', name, what, text: `policy ${name} ${text}` });
    if (known === undefined) found.push(say(`is new: ${policyWords(policy)}`, 'added'));
    else found.push(...changesOfPolicy(known, policy).map((text) => say(text)));
  }
  for (const name of Object.keys(old)) {
    if (ownOf(after.policies, name) === undefined)
      found.push({ of: 'policy', name, what: 'removed', text: `policy ${name} is removed` });
  }
  return found;
}

function policyWords({ hosts, sets, full, incremental, deadline, splay }: FleetPolicy): string {
  return [
    `${named(hosts, 'host')}, ${sets === 'all' ? 'all sets' : setsOf(sets)}`,
    ...(full === undefined ? [] : [`full ${full}`]),
    ...(incremental === undefined ? [] : [`incremental ${incremental}`]),
    `deadline ${durationText(deadline)}`,
    ...(splay === 0 ? [] : [`splay ${durationText(splay)}`]),
  ].join(', ');
}

function changesOfPolicy(before: FleetPolicy, after: FleetPolicy): string[] {
  const found = listChange('hosts', before.hosts, after.hosts);
  const [was, is] = [before.sets, after.sets];
  if (was !== 'all' && is !== 'all') found.push(...listChange('sets', was, is));
  else if (was !== is) found.push(is === 'all' ? 'is of all sets now' : `is of ${setsOf(is)} alone now`);
  for (const type of ['full', 'incremental'] as const)
    if (before[type] !== after[type]) found.push(optionChange(type, before[type], after[type]));
  for (const name of ['deadline', 'splay'] as const) {
    if (before[name] !== after[name])
      found.push(`${name}: ${durationText(after[name])} instead of ${durationText(before[name])}`);
  }
  return found;
}

function optionChange(name: string, before: string | undefined, after: string | undefined): string {
  if (after === undefined) return `${name}: none any more (was ${before})`;
  return `${name}: ${after}${before === undefined ? '' : ` instead of ${before}`}`;
}

/** Names that came, names that went, and whether what stays is in another order. */
function listChange(what: string, before: readonly string[], after: readonly string[]): string[] {
  const [was, is] = [new Set(before), new Set(after)];
  const came = after.filter((name) => !was.has(name));
  const went = before.filter((name) => !is.has(name));
  const [left, kept] = [before.filter((name) => is.has(name)), after.filter((name) => was.has(name))];
  return [
    ...(came.length === 0 ? [] : [`${what}: ${came.join(', ')} added`]),
    ...(went.length === 0 ? [] : [`${what}: ${went.join(', ')} removed`]),
    ...(left.join() === kept.join() ? [] : [`${what}: in another order`]),
  ];
}

const FIRST = 5;

function named(names: readonly string[], noun: string): string {
  const first = names.slice(0, FIRST).join(', ');
  const rest = names.length > FIRST ? ` and ${names.length - FIRST} more` : '';
  return `${names.length} ${noun}${names.length === 1 ? '' : 's'} (${first}${rest})`;
}

const setsOf = (sets: readonly string[]) => `${sets.length === 1 ? 'set' : 'sets'} ${sets.join(', ')}`;

/** As people write it: `8h`, `90m`, `2d`. */
export function durationText(milliseconds: number): string {
  const units: [number, string][] = [
    [DAY, 'd'],
    [HOUR, 'h'],
    [MINUTE, 'm'],
  ];
  const [size, unit] = units.find(([one]) => milliseconds > 0 && milliseconds % one === 0) ?? [1000, 's'];
  return `${milliseconds / size}${unit}`;
}

function ownOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
