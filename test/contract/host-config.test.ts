import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseDocument } from 'yaml';
import * as z from 'zod';
import { explain, explainProto, type HostConfig, parseHostConfig, setConfigHash } from '../../contract/host-config.ts';
import { literally, refused } from './samples.ts';

const yaml = (text: string): unknown => parseDocument(text).toJS();
const read = (value: unknown) => parseHostConfig(value, '/etc/offsite/config.yml');
const SMALLEST = { store: 'file:///b', recipients: ['me.asc'], sets: { data: { paths: ['/etc'] } } };
const withSet = (change: object) => read({ ...SMALLEST, sets: { data: { ...SMALLEST.sets.data, ...change } } });
const says = (work: () => unknown, message: string) =>
  refused('config-invalid', work, literally(`/etc/offsite/config.yml: ${message}`));

/** The sample of the command line's page: every key, with its default where it has one. */
const WHOLE = `
host: carcosa
store: s3://my-backups
recipients: [/etc/offsite/recipients/me.asc, /etc/offsite/recipients/escrow.asc]
identity: /etc/offsite/identity
state: /var/lib/offsite
memory: 350MB
partSize: 32MiB
limitUpload: 0
compression: 3
chain: { maxAge: 31d, maxRuns: 60 }
sets:
  data:
    scripts: /etc/offsite/scripts.d/data
    scriptTimeout: 6h
    alertOutput: false
    commands: { postgres.sql: pg_dumpall --clean }
    paths: [/etc, /home]
    exclude: ['*.tmp', '/home/*/.cache/']
    oneFileSystem: true
    expect: { minFiles: 1, minBytes: 0, maxShrink: 50%, require: ['.stage/db/*.sql'] }
`;

describe('a host config', () => {
  it('is read whole', () => {
    const config = read(yaml(WHOLE));
    assert.equal(config.host, 'carcosa');
    assert.deepEqual(config.sets.data?.commands, { 'postgres.sql': 'pg_dumpall --clean' });
    assert.deepEqual(config.sets.data?.expect.require, ['.stage/db/*.sql']);
  });

  it('needs little, and has the defaults of the page for the rest', () => {
    const { host, store, recipients, sets, ...rest } = read(yaml(WHOLE));
    const small = read(SMALLEST);
    assert.deepEqual({ ...small, ...rest }, small);
    const { scripts, commands, paths, exclude, expect, ...others } = sets.data ?? assert.fail();
    assert.deepEqual({ ...small.sets.data, ...others }, small.sets.data);
    assert.deepEqual(small.sets.data?.expect, { ...expect, require: [] });
    assert.deepEqual([small.sets.data?.commands, small.sets.data?.exclude], [{}, []]);
    assert.ok(host && store && recipients && scripts && commands && paths && exclude);
  });

  it('has durations in milliseconds, sizes in bytes and shares from 0 to 1', () => {
    const { memory, partSize, chain, sets } = read(yaml(WHOLE));
    assert.deepEqual([memory, partSize, chain], [350e6, 2 ** 25, { maxAge: 31 * 86_400_000, maxRuns: 60 }]);
    assert.equal(sets.data?.scriptTimeout, 6 * 3_600_000);
    assert.equal(sets.data?.expect.maxShrink, 0.5);
  });

  it('of scripts or commands alone is enough', () => {
    for (const set of [{ scripts: '/etc/offsite/scripts.d' }, { commands: { a: 'true' } }]) {
      read({ ...SMALLEST, sets: { data: set } });
    }
  });
});

describe('a wrong host config names file, field, what was found and what is expected', () => {
  const { store, recipients, sets } = SMALLEST;
  const cases: [why: string, value: unknown, message: string][] = [
    ['an empty file', null, 'store: is missing: must be a text'],
    ['a list', [1], 'must be a mapping (found [1])'],
    ['a text', 'store', 'must be a mapping (found "store")'],
    ['no store', { recipients, sets }, 'store: '],
    ['no recipients', { store, sets }, 'recipients: '],
    [
      'an empty list of recipients',
      { ...SMALLEST, recipients: [] },
      'recipients: needs at least one recipient key file (found [])',
    ],
    ['one recipient not in a list', { ...SMALLEST, recipients: 'me.asc' }, 'recipients: must be a list'],
    ['no sets', { store, recipients }, 'sets: '],
    ['an empty table of sets', { ...SMALLEST, sets: {} }, 'sets: needs at least one set (found {})'],
    ['a list of sets', { ...SMALLEST, sets: ['data'] }, 'sets: must be a mapping'],
    [
      'a set without anything',
      { ...SMALLEST, sets: { data: {} } },
      'sets.data: has nothing to back up: give paths, scripts or commands (found {})',
    ],
    ['a set of null', { ...SMALLEST, sets: { data: null } }, 'sets.data: must be a mapping (found null)'],
    [
      'a set name in capitals',
      { ...SMALLEST, sets: { Data: sets.data } },
      'sets.Data: not a valid set name (a-z, 0-9, _ -, 32 at most)',
    ],
    [
      'a set that every object has',
      { ...SMALLEST, sets: { constructor: sets.data } },
      'sets.constructor: not a valid set name',
    ],
    [
      'a host name with a slash',
      { ...SMALLEST, host: 'a/b' },
      'host: not a valid host name (letters, digits, . _ -, 63 at most) (found "a/b")',
    ],
    [
      'a relative identity',
      { ...SMALLEST, identity: 'identity' },
      'identity: must be an absolute path (found "identity")',
    ],
    ['a state folder of null', { ...SMALLEST, state: null }, 'state: '],
    [
      'memory that is none',
      { ...SMALLEST, memory: '350 mb' },
      'memory: must be a size like 512KiB, 32MiB or 350MB (found "350 mb")',
    ],
    [
      'memory that is true',
      { ...SMALLEST, memory: true },
      'memory: must be a size like 512KiB, 32MiB or 350MB (found true)',
    ],
    ['a part too small', { ...SMALLEST, partSize: '7MiB' }, 'partSize: 7340032 bytes is not between 8MiB and 512MiB'],
    ['a limit too low', { ...SMALLEST, limitUpload: '15KB' }, 'limitUpload: 15000 bytes per second are neither 0'],
    ['a part too large', { ...SMALLEST, partSize: '513MiB' }, 'partSize: 537919488 bytes is not between'],
    [
      'a level zstd has not',
      { ...SMALLEST, compression: 20 },
      'compression: Too big: expected number to be <=19 (found 20)',
    ],
    ['half a level', { ...SMALLEST, compression: 1.5 }, 'compression: '],
    [
      'an age without a unit',
      { ...SMALLEST, chain: { maxAge: 31 } },
      'chain.maxAge: must be a duration like 90s, 30m, 6h or 31d (found 31)',
    ],
    ['no run in a chain', { ...SMALLEST, chain: { maxRuns: 0 } }, 'chain.maxRuns: '],
  ];
  for (const [why, value, message] of cases) it(why, () => says(() => read(value), message));

  const ofSet: [why: string, change: object, message: string][] = [
    ['one path not in a list', { paths: '/etc' }, 'paths: must be a list (found "/etc")'],
    ['a relative path', { paths: ['/etc', 'home'] }, 'paths.1: must be an absolute path (found "home")'],
    ['a path upwards', { paths: ['/etc/../home'] }, 'paths.0: may not hold \'..\' (found "/etc/../home")'],
    ['a path with a NUL', { paths: ['/a\0b'] }, 'paths.0: holds a NUL (found "/a\\u0000b")'],
    ['relative scripts', { scripts: 'scripts.d' }, 'scripts: must be an absolute path'],
    ['a time limit without a unit', { scriptTimeout: 6 }, 'scriptTimeout: must be a duration'],
    ['yes for a truth', { alertOutput: 'yes' }, 'alertOutput: must be true or false (found "yes")'],
    ['a command with a slash', { commands: { 'a/b': 'x' } }, 'commands.a/b: must be a file name without slash'],
    ['a command of dots', { commands: { '..': 'x' } }, 'commands...: must be a file name'],
    ['a command that does nothing', { commands: { a: '' } }, 'commands.a: '],
    ['a pattern that is a number', { exclude: [7] }, 'exclude.0: '],
    ['fewer files than none', { expect: { minFiles: -1 } }, 'expect.minFiles: '],
    [
      'a share beyond the whole',
      { expect: { maxShrink: '150%' } },
      'expect.maxShrink: must be a share like 50% (found "150%")',
    ],
    ['a share as a number', { expect: { maxShrink: 0.5 } }, 'expect.maxShrink: must be a share like 50% (found 0.5)'],
    ['an empty glob', { expect: { require: [''] } }, 'expect.require.0: '],
    [
      'a count that computing cannot keep',
      { expect: { minBytes: '999999999999TB' } },
      'expect.minBytes: must be a size',
    ],
  ];
  for (const [why, change, message] of ofSet) it(why, () => says(() => withSet(change), `sets.data.${message}`));

  it('unknown keys, at every depth', () => {
    says(() => read({ ...SMALLEST, retention: '1y' }), 'unknown key "retention"');
    says(() => read({ ...SMALLEST, chain: { maxage: '1d' } }), 'chain: unknown key "maxage"');
    says(() => withSet({ path: ['/etc'] }), 'sets.data: unknown key "path"');
    says(() => withSet({ expect: { minfiles: 1 } }), 'sets.data.expect: unknown key "minfiles"');
  });

  it('__proto__, which YAML may hold and zod passes over', () => {
    says(() => read(yaml(`${WHOLE}  __proto__: { paths: [/srv] }\n`)), 'sets: unknown key "__proto__"');
    says(() => read(yaml(`__proto__: { store: file:///x }\n${WHOLE}`)), 'unknown key "__proto__"');
    says(() => withSet(JSON.parse('{"commands":{"__proto__":"x"}}')), 'sets.data.commands: unknown key "__proto__"');
    assert.equal(explainProto({ a: [{ b: 1 }] }), null);
  });

  it('a YAML anchor that holds itself', () => {
    refused('config-invalid', () => read(yaml('store: &a [*a]')), /store: /);
    refused('config-invalid', () => read(yaml(WHOLE.replace('[/etc, /home]', '&a [/etc, *a]'))), /paths\.1: /);
  });
});

it('what explain says of nothing in particular', () => {
  assert.equal(explain(new z.ZodError([]), 1), 'not valid');
  assert.equal(explain(z.int().safeParse('a').error as z.ZodError, 'a'), 'must be a number (found "a")');
  assert.equal(explain(z.int().safeParse(1.5).error as z.ZodError, 1.5), 'must be a whole number (found 1.5)');
});

describe('the hash of a set', () => {
  const hashOf = (config: HostConfig) => setConfigHash(config.sets.data ?? assert.fail());

  it('is that of what the config means, not of how it is written', () => {
    assert.equal(hashOf(withSet({ scriptTimeout: '360m', expect: { maxShrink: '50%' } })), hashOf(read(SMALLEST)));
    assert.equal(hashOf(read({ ...SMALLEST, memory: '1GB', host: 'x' })), hashOf(read(SMALLEST)));
  });

  it('changes with everything in the set', () => {
    const changes = [
      { paths: ['/etc', '/home'] },
      { exclude: ['*.tmp'] },
      { scripts: '/x' },
      { commands: { a: 'b' } },
      { oneFileSystem: false },
      { alertOutput: true },
      { scriptTimeout: '1h' },
      { expect: { maxShrink: '33%' } },
      { expect: { minBytes: '9007TB' } },
    ];
    const hashes = changes.map((change) => hashOf(withSet(change)));
    assert.equal(new Set([...hashes, hashOf(read(SMALLEST))]).size, changes.length + 1);
    for (const hash of hashes) assert.match(hash, /^[0-9a-f]{64}$/);
  });
});
