/** docs/fleet.md against the fleet file's schema: the same keys, and the defaults that it says. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse as parseYaml } from 'yaml';
import * as z from 'zod';
import { fleetSchema, parseFleet } from '../../contract/fleet.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/fleet.md'), 'utf8');
const rows = [...PAGE.matchAll(/^\| `([\w.*]+)` \| (.+?) \| (.+) \|$/gm)].map(
  ([, key = '', byDefault = '', meaning = '']) => ({ key, byDefault, meaning }),
);
const NOW = new Date('2026-11-22T00:00:00Z');

interface Schema {
  readonly properties?: Record<string, Schema>;
  readonly additionalProperties?: Schema | false;
}

/** The paths of all keys, `*` for names that people choose. */
function keysOf(schema: Schema, place: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, item]) => {
    const path = place + name;
    const named = item.additionalProperties;
    if (item.properties !== undefined) return keysOf(item, `${path}.`);
    return [path, ...(named !== undefined && named !== false ? keysOf(named, `${path}.*.`) : [])];
  });
}

type Part = Record<string, unknown>;

const smallest = (): Part => ({
  store: 's3://b',
  recipients: ['0123456789ABCDEF0123456789ABCDEF01234567'],
  hosts: { x: { node: 'mi-1', sets: ['data'] } },
  policies: { x: { hosts: ['x'], full: 'cron(0 0 1 * ? *)' } },
});
const parse = (value: unknown) => parseFleet(value, 'fleet.yml', NOW);

/** The smallest file with one key set, or taken away where the value is undefined. */
function withKey(key: string, value: unknown): Part {
  const file = smallest();
  const steps = key.replaceAll('*', 'x').split('.');
  let place = file;
  for (const step of steps.slice(0, -1)) {
    place[step] ??= {};
    place = place[step] as Part;
  }
  const last = steps.at(-1) ?? '';
  if (value === undefined) delete place[last];
  else place[last] = value;
  return file;
}

it('the page has every key of the schema, once, and no other', () => {
  const schema = z.toJSONSchema(fleetSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  assert.deepEqual(rows.map(({ key }) => key).sort(), keysOf(schema, '').sort());
});

describe("the default on the page is the schema's:", () => {
  for (const { key, byDefault, meaning } of rows) {
    it(key, () => {
      assert.match(meaning, /^[A-Z`].*\.$/, 'a meaning');
      const literal = /^`(.+)`$/.exec(byDefault)?.[1];
      if (literal !== undefined) assert.deepEqual(parse(withKey(key, literal)), parse(smallest()));
      else if (byDefault === 'required')
        assert.throws(() => parse(withKey(key, undefined)), new RegExp(`fleet\\.yml: ${key.replaceAll('*', 'x')}: `));
      else {
        assert.equal(byDefault, 'none');
        const without =
          key === 'policies.*.full'
            ? { ...smallest(), policies: { x: { hosts: ['x'], incremental: 'cron(0 0 1 * ? *)' } } }
            : smallest();
        assert.ok(!JSON.stringify(parse(without)).includes(`"${key.split('.').at(-1)}"`));
      }
    });
  }
});

it('the example is a valid fleet file', () => {
  const example = /```yaml\n([\s\S]+?)```/.exec(PAGE)?.[1] ?? '';
  assert.deepEqual(Object.keys(parse(parseYaml(example)).hosts), ['carcosa', 'purr']);
});
