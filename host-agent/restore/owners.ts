/** Whether the owners of a plan are known on this machine by the same numbers. */

import { readFileSync } from 'node:fs';
import type { EntryTable } from './entry-table.ts';

/** Ids by name. */
export interface Accounts {
  readonly user: ReadonlyMap<string, number>;
  readonly group: ReadonlyMap<string, number>;
}

/** The accounts of this machine, from files of the form of /etc/passwd and /etc/group; an unreadable file knows none. */
export function readAccounts(passwd = '/etc/passwd', group = '/etc/group'): Accounts {
  return { user: idsOf(passwd), group: idsOf(group) };
}

/**
 * How many entries belong, by number, to another account of this machine than by name. The number is what is set: a
 * restored system brings its own account files along, and names are missing altogether where it is only looked at.
 */
export function foreignOwners(table: EntryTable, accounts: Accounts): number {
  let count = 0;
  for (const owner of table.owners.values()) {
    const here = accounts[owner.kind].get(owner.name);
    if (here !== undefined && here !== owner.id) count += owner.count;
  }
  return count;
}

function idsOf(file: string): Map<string, number> {
  let text: string;
  try {
    text = readFileSync(file, 'latin1');
  } catch {
    return new Map();
  }
  const ids = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [name, , id] = line.split(':');
    if (name !== undefined && id !== undefined && /^\d+$/.test(id) && !ids.has(name)) ids.set(name, Number(id));
  }
  return ids;
}
