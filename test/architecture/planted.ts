/** Violations made for the checker, each in an otherwise empty tree. */

import assert from 'node:assert/strict';
import { violations } from './rules.ts';

/** The violations of a tree of empty files and these. */
export function found(planted: Record<string, string>): string[] {
  const tops = [
    'contract',
    'pgp',
    'store',
    'repository',
    'host-agent',
    'functions',
    'operator',
    'local',
    'cli',
    'demo',
  ];
  const empty = [...tops, 'system', 'test'].map((top) => [`${top}/x.ts`, ''] as const);
  return violations(new Map([...empty, ['contract/errors.ts', ''], ...Object.entries(planted)]));
}
/** Exactly one violation is found in this file, and says this. */
export const refuses = (file: string, source: string, message: RegExp) => {
  const all = found({ [file]: source });
  assert.equal(all.length, 1, `${file} ${source}: ${all.join('\n')}`);
  assert.match(all[0] ?? '', message);
};
/** None is found. */
export const allows = (file: string, source: string) => assert.deepEqual(found({ [file]: source }), [], source);
