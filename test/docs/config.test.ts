/** docs/config.md against the schema: the same keys, and the defaults that it says. */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { OffsiteError } from '../../contract/errors.ts';
import { hostConfigSchema, parseHostConfig } from '../../contract/host-config.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../docs/config.md'), 'utf8');
const rows = [...PAGE.matchAll(/^\| `([\w.*]+)` \| (.+?) \| (.+) \|$/gm)].map(
  ([, key = '', byDefault = '', meaning = '']) => {
    return { key, byDefault, meaning };
  },
);

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
    const inside = named !== undefined && named !== false ? keysOf(named, `${path}.*.`) : [];
    return [path, ...inside];
  });
}

const SMALLEST = { store: 'file:///b', recipients: ['me.asc'], sets: { x: { paths: ['/etc'] } } };
const parse = (value: unknown) => parseHostConfig(value, 'config.yml');

/** The smallest config with one key set, or taken away where the value is undefined. */
function withKey(key: string, value: unknown): unknown {
  const config = structuredClone(SMALLEST) as Record<string, unknown>;
  const steps = key.replace('*', 'x').split('.');
  let place = config;
  for (const step of steps.slice(0, -1)) {
    place[step] ??= {};
    place = place[step] as Record<string, unknown>;
  }
  const last = steps.at(-1) ?? '';
  if (value === undefined) delete place[last];
  else place[last] = value;
  return config;
}

it('the page has every key of the schema, once, and no other', () => {
  const schema = z.toJSONSchema(hostConfigSchema, { io: 'input', unrepresentable: 'any' }) as Schema;
  assert.deepEqual(rows.map(({ key }) => key).sort(), keysOf(schema, '').sort());
});

describe("the default on the page is the schema's:", () => {
  for (const { key, byDefault, meaning } of rows) {
    it(key, () => {
      assert.match(meaning, /^[A-Za-z].*\.$/, 'a meaning');
      const literal = /^`(.+)`$/.exec(byDefault)?.[1];
      if (literal !== undefined) {
        const absent = key === 'sets.*.paths' ? { ...SMALLEST, sets: { x: { commands: { a: 'b' } } } } : null;
        const value: unknown = parseDocument(literal).toJS();
        if (absent === null) assert.deepEqual(parse(withKey(key, value)), parse(SMALLEST));
        else assert.deepEqual(parse(absent).sets.x?.paths, value);
      } else if (byDefault === 'required') {
        const name = new RegExp(`^config\\.yml: ${key}: `);
        assert.throws(
          () => parse(withKey(key, undefined)),
          (error) => error instanceof OffsiteError && name.test(error.message),
        );
      } else {
        assert.ok(['none', "the machine's host name"].includes(byDefault), byDefault);
        assert.ok(!JSON.stringify(parse(SMALLEST)).includes(`"${key.split('.').at(-1)}"`));
      }
    });
  }
});

it('the example is a valid config', () => {
  const example = /```yaml\n([\s\S]+?)```/.exec(PAGE)?.[1] ?? '';
  assert.equal(Object.keys(parse(parseDocument(example).toJS()).sets).length, 1);
});
