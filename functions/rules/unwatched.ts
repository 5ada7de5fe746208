/** What one fleet file watched and the next one does not: nobody would miss its backups any more. Pure. */

import type { Fleet } from '../../contract/fleet.ts';
import { instantText } from '../../contract/ids.ts';
import type { Message } from './render.ts';
import { ascii, cut, gsm, MAX_SMS, MAX_SUBJECT, utc } from './words.ts';

/** A set of a host that no policy asks for any more, or a kind of backup of it that none does. */
export interface Unwatched {
  readonly host: string;
  readonly set: string;
  /** Null where nothing is asked of it at all. */
  readonly only: 'full' | 'incremental' | null;
}

const LISTED = 200;

/** By host, then set. A host that was renamed is named by its old name: its history stays under that. */
export function unwatched(before: Fleet, after: Fleet): Unwatched[] {
  const now = watchedBy(after);
  const gone: Unwatched[] = [];
  for (const [name, { host, set, types }] of watchedBy(before)) {
    const left = now.get(name)?.types;
    if (left === undefined) gone.push({ host, set, only: null });
    else for (const only of types) if (!left.has(only)) gone.push({ host, set, only });
  }
  return gone.sort((one, other) => (`${one.host}/${one.set}` < `${other.host}/${other.set}` ? -1 : 1));
}

type Watched = { host: string; set: string; types: Set<'full' | 'incremental'> };

/** What the policies ask for, by `host/set`; paused hosts among them. */
export function watchedBy({ hosts, policies }: Fleet): Map<string, Watched> {
  const watched = new Map<string, Watched>();
  for (const policy of Object.values(policies)) {
    for (const host of policy.hosts) {
      const sets = (hosts[host]?.sets ?? []).filter((set) => policy.sets === 'all' || policy.sets.includes(set));
      for (const set of sets) {
        const entry = watched.get(`${host}/${set}`) ?? { host, set, types: new Set() };
        for (const type of ['full', 'incremental'] as const) if (policy[type] !== undefined) entry.types.add(type);
        watched.set(`${host}/${set}`, entry);
      }
    }
  }
  return watched;
}

/** The mail about it; at least one. It is no alarm: somebody has applied that file, and may have meant it. */
export function renderUnwatched(gone: readonly Unwatched[], applied: Date): Message {
  const hosts = [...new Set(gone.map(({ host }) => host))];
  const named = hosts.slice(0, 3).join(', ') + (hosts.length > 3 ? ` and ${hosts.length - 3} more` : '');
  const lines = [
    `NO LONGER WATCHED since the fleet file applied at ${utc(instantText(applied))}:`,
    '',
    ...gone
      .slice(0, LISTED)
      .map(({ host, set, only }) => `  ${host}/${set}${only === null ? '' : `: no ${only} any more`}`),
    ...(gone.length > LISTED ? [`  and ${gone.length - LISTED} more`] : []),
    '',
    'Nobody will be told when backups of these are missing. The backups that are there stay.',
    'If this was not meant: put them back into fleet.yml, then',
    '',
    '  offsite fleet apply fleet.yml',
  ];
  const short = `no longer watched: ${named}`;
  return {
    subject: cut(ascii(`Offsite: ${short}`), MAX_SUBJECT),
    email: `${lines.join('\n')}\n`,
    sms: cut(gsm(short), MAX_SMS),
    critical: false,
  };
}
