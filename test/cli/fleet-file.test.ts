/** `offsite fleet apply`, `status` and `discover` as a person types them, on the embedded stack with real agents. */

import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { ended, Home, offsite, offsiteOnTerminal, oneDocument, type Said } from '../helpers/offsite.ts';

const home = new Home();
after(() => home[Symbol.dispose]());

interface Applied {
  applied: { applied: string; sha256: string } | null;
  inForce: { applied: string; sha256: string } | null;
  changes: boolean;
  differences: { of: string; name: string | null; what: string; text: string }[];
  unwatched: { host: string; set: string }[];
  next: { policy: string; type: string; due: string }[];
  certify: { host: string; fingerprint: string }[];
  unregistered: string[];
  trustSerial: number | null;
  warnings: string[];
}
interface Status {
  ok: boolean;
  fleet: { applied: string; stack: string };
  audit: { cursor: string | null; late: boolean };
  problems: { kind: string }[];
  sets: {
    host: string;
    set: string;
    newestGood: { run: string; ageSeconds: number } | null;
    chain: { runs: number; ageSeconds: number } | null;
    next: { policy: string; type: string; due: string } | null;
    pausedUntil: string | null;
  }[];
}
interface Discovered {
  nodes: number;
  fresh: { node: string; sets: string[] }[];
  unknown: { host: string }[];
  yaml: string | null;
}

const recipient = /[0-9A-F]{40}/.exec(ended(await home.makeKeys(), 0).out)?.[0] ?? '';
ended(await home.init('carcosa', ['--path', home.path('files')]), 0);
ended(await home.init('purr', ['--path', home.path('files')]), 0);
home.write('files/one', 'one\n');
mkdirSync(home.path('hosts'));
for (const name of ['carcosa', 'purr']) cpSync(home.config(name), home.path('hosts', `${name}.yml`));

type Part = Record<string, unknown>;
const NIGHTLY = { hosts: ['carcosa'], full: 'cron(0 3 * * ? *)', deadline: '20m' };
const CARCOSA = { carcosa: { node: 'carcosa', sets: ['data'] } };
const PURR = { purr: { node: 'purr', sets: ['data'] } };

let files = 0;
/** A fleet file of this content, in YAML. */
function fleet(hosts: Part = CARCOSA, policies: Part = { nightly: NIGHTLY }, more: Part = {}): string {
  const content = { store: home.store, recipients: [recipient], hosts, policies, ...more };
  return home.write(`fleet-${++files}.yml`, stringify(content));
}

const hostsWords = ['--hosts', home.path('hosts')];
const keyWords = ['--key', home.privateKey];
const apply = (file: string, ...more: string[]): Promise<Said> =>
  offsite(['fleet', 'apply', file, ...hostsWords, ...keyWords, ...more]);
const status = (...more: string[]): Promise<Said> => offsite(['fleet', 'status', '--store', home.store, ...more]);
const discover = (...more: string[]): Promise<Said> =>
  offsite(['fleet', 'discover', '--store', home.store, ...hostsWords, ...more]);
const versions = () => {
  try {
    return readdirSync(home.path('store/config/fleet')).length;
  } catch {
    return 0;
  }
};
/** Names at every depth, but those within reasons, which verdicts have too. */
function keysOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(keysOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => [name, ...(name === 'reasons' ? [] : keysOf(item))]);
}
const refusedWith = (said: Said, code: string, words: RegExp) => {
  const { error } = oneDocument<{ error: { code: string; message: string; hint: string } }>(said);
  assert.equal(error.code, code, error.message);
  assert.match(`${error.message} ${error.hint}`, words);
};

describe('before there is a fleet file', () => {
  test('status says how to make one; discover prints lines to paste, and apply takes them', async () => {
    refusedWith(ended(await status('--json'), 1), 'fleet-missing', /offsite fleet apply/);
    const nowhere = ['fleet', 'status', '--json', '--config', home.path('no-config.yml')];
    refusedWith(ended(await offsite(nowhere), 2), 'config-invalid', /--store URL.*OFFSITE_STORE/);
    const plain = ended(await discover(), 0);
    assert.match(plain.out, /^NODE +NAME +PLATFORM +SEEN +TAG$/m);
    const [, yaml = ''] = /(^hosts:\n.*)/ms.exec(plain.out) ?? [];
    const found = oneDocument<Discovered>(ended(await discover('--json'), 0));
    assert.deepEqual([found.nodes, found.fresh.map(({ node }) => node), found.yaml], [2, ['carcosa', 'purr'], yaml]);
    const pasted = `store: ${home.store}\nrecipients: [${recipient}]\n${yaml}policies:\n  nightly: { hosts: [purr], full: cron(0 3 * * ? *) }\n`;
    const dry = ended(await apply(home.write('pasted.yml', pasted), '--dry-run'), 0);
    assert.match(dry.out, /host purr is new: node purr, set data/);
  });

  test('a file that is no good: exit 2, file, field and what was found, and nothing in the store', async () => {
    const wrong: [string, RegExp][] = [
      [home.write('no.yml', 'hosts: ['), /no\.yml is not valid YAML/],
      [home.path('none.yml'), /none\.yml cannot be read/],
      [fleet({ carcosa: { node: 'carcosa', sets: ['data'], paths: ['/etc'] } }), /hosts\.carcosa: unknown key "paths"/],
      [
        fleet(CARCOSA, { nightly: { ...NIGHTLY, full: 'cron(0 3 * * * *)' } }),
        /policies\.nightly\.full: cron: .*exactly one of the two to be \?/,
      ],
      [
        fleet(CARCOSA, { nightly: { ...NIGHTLY, deadline: '25h' } }),
        /policies\.nightly\.deadline: .*longer than the shortest time/,
      ],
      [fleet({ carcosa: { node: 'carcosa', sets: ['dta'] } }), /hosts\.carcosa\.sets: .*no set dta; it has data/],
      [fleet({}, {}), /hosts: must name at least one/],
    ];
    for (const [file, words] of wrong)
      refusedWith(ended(await apply(file, '--yes', '--json'), 2), 'fleet-invalid', words);
    refusedWith(
      ended(
        await apply(
          fleet({ ghost: { node: 'ghost', sets: ['data'] } }, { n: { ...NIGHTLY, hosts: ['ghost'] } }),
          '--yes',
          '--json',
        ),
        1,
      ),
      'node-unknown',
      /hosts\.ghost\.node: ghost.*fleet discover/s,
    );
    refusedWith(
      ended(await apply(fleet(), '--store', `file://${home.path('elsewhere')}`, '--yes', '--json'), 1),
      'store-absent',
      /elsewhere/,
    );
    mkdirSync(home.path('elsewhere'));
    refusedWith(
      ended(await apply(fleet(), '--store', `file://${home.path('elsewhere')}`, '--yes', '--json'), 2),
      'stack-mismatch',
      /store: is file/,
    );
    refusedWith(ended(await offsite(['fleet', 'apply', fleet(), '--yes', '--json']), 2), 'usage', /--hosts DIR/);
    assert.equal(versions(), 0);
  });
});

describe('apply', () => {
  const file = fleet();

  test('--dry-run says what would change, and changes nothing', async () => {
    const { out } = ended(await apply(file, '--dry-run'), 0);
    assert.match(out, /no fleet file is in force/);
    assert.match(out, /host carcosa is new/);
    assert.match(out, /^Next due:\n {2}nightly {2}full {2}\d{4}-\d\d-\d\d 03:00:00 UTC$/m);
    assert.match(out, /^Keys to be certified.*\n {2}carcosa {2}[0-9A-F]{40}$/m);
    assert.match(out, /Nothing was changed/);
    assert.equal(versions(), 0);
  });

  test('without a terminal it needs --yes, and the key where keys are to be certified', async () => {
    const said = ended(await apply(file), 2);
    assert.match(said.err, /not a terminal.*--yes/);
    assert.match(said.out, /host carcosa is new/);
    const words = ['fleet', 'apply', file, ...hostsWords, '--operator', home.publicKey, '--yes', '--json'];
    refusedWith(ended(await offsite(words), 2), 'usage', /keys of carcosa.*--key FILE.*--no-certify/s);
    assert.equal(versions(), 0);
  });

  test('on a terminal it asks: anything but yes changes nothing', async () => {
    const words = ['fleet', 'apply', file, ...hostsWords, ...keyWords];
    const no = ended(await offsiteOnTerminal(words, { input: 'n\n' }), 2);
    assert.match(no.out, /Apply this\? \[y\/N\] /);
    assert.equal(versions(), 0);
    const yes = ended(await offsiteOnTerminal(words, { input: 'y\n' }), 0);
    assert.match(yes.out, /Certified the keys of carcosa\r?\nApplied: in force since /);
    assert.equal(versions(), 1);
  });

  test('the same again: nothing to change, exit 0, and no key is needed', async () => {
    const again = ended(await offsite(['fleet', 'apply', file, ...hostsWords]), 0);
    assert.equal(again.out, 'Nothing to change.\n');
    const { changes, applied, inForce } = oneDocument<Applied>(ended(await apply(file, '--json'), 0));
    assert.deepEqual([changes, applied, inForce !== null], [false, null, true]);
    assert.equal(versions(), 1);
    assert.equal(ended(await apply(file, '--quiet'), 0).out, '');
  });

  test('a change: what, what is due, who is not watched any more, as one document', async () => {
    const both = fleet(
      { ...CARCOSA, ...PURR },
      { nightly: { ...NIGHTLY, hosts: ['carcosa', 'purr'], deadline: '30m' } },
    );
    const more = oneDocument<Applied>(ended(await apply(both, '--yes', '--json'), 0));
    assert.deepEqual(
      more.differences.map(({ text }) => text),
      [
        'host purr is new: node purr, set data',
        'policy nightly hosts: purr added',
        'policy nightly deadline: 30m instead of 20m',
      ],
    );
    assert.deepEqual([more.certify.map(({ host }) => host), more.trustSerial, more.next.length], [['purr'], 2, 1]);
    assert.equal(more.applied?.sha256, more.inForce?.sha256);
    assert.equal(
      readFileSync(home.path('store/config/fleet.json'), 'utf8').includes(more.applied?.sha256 ?? '?'),
      true,
    );
    const less = ended(await apply(file, '--yes'), 0);
    assert.match(less.out, /NO LONGER WATCHED.*\n {2}purr\/data$/m);
    ended(await apply(both, '--yes'), 0);
  });

  test('two at once: one of them is in force whole, and the other one was told or came before it', async () => {
    const base = { nightly: { ...NIGHTLY, hosts: ['carcosa', 'purr'] } };
    const [one, two] = [{ a: NIGHTLY }, { b: NIGHTLY }].map((more) =>
      fleet({ ...CARCOSA, ...PURR }, { ...base, ...more }),
    ) as [string, string];
    const said = await Promise.all([apply(one, '--yes', '--json'), apply(two, '--yes', '--json')]);
    const applied = said.filter(({ code }) => code === 0).map((one) => oneDocument<Applied>(one).applied?.sha256);
    assert.ok(applied.length > 0);
    for (const one of said.filter(({ code }) => code !== 0)) refusedWith(one, 'fleet-changed', /somebody else/);
    const pointer = JSON.parse(readFileSync(home.path('store/config/fleet.json'), 'utf8'));
    assert.ok(applied.includes(pointer.sha256));
  });
});

describe('status and discover of a fleet', () => {
  test('after a backup: its age, its chain, what is due next; --heads is the line of the digest', async () => {
    ended(
      await apply(fleet({ ...CARCOSA, ...PURR }, { nightly: { ...NIGHTLY, hosts: ['carcosa', 'purr'] } }), '--yes'),
      0,
    );
    const run = ['fleet', 'run', 'carcosa', 'full', '--store', home.store, '--operator', home.publicKey, ...hostsWords];
    ended(await offsite([...run, '--json']), 0);
    const { ok, sets, problems, audit } = oneDocument<Status>(ended(await status('--json'), 0));
    assert.deepEqual([ok, problems, audit], [true, [], { cursor: null, late: false }]);
    assert.deepEqual(
      sets.map(({ host, newestGood, chain, next }) => [host, newestGood === null, chain?.runs, next?.type]),
      [
        ['purr', true, undefined, 'full'],
        ['carcosa', false, 1, 'full'],
      ],
    );
    const plain = ended(await status(), 0);
    assert.match(
      plain.out,
      /^carcosa {2}data {2}[\d.]+s ago +[\d.]+s, 1 run +\d{4}-\d\d-\d\d 03:00 UTC full \(nightly\)$/m,
    );
    assert.equal(plain.err, '');
    const heads = ended(await status('--heads'), 0);
    assert.match(heads.out, /^carcosa\/data 1 [0-9a-f]{8}\n$/);
    assert.deepEqual(oneDocument(ended(await status('--heads', '--json'), 0)), { heads: [heads.out.trim()] });
    assert.equal(ended(await status('carcosa', '--heads'), 0).out, heads.out);
    for (const host of ['purr', '..', '../..'])
      refusedWith(ended(await status(host, '--heads', '--json'), 2), 'host-unknown', /no run of/);
  });

  test('of one host; an unknown one is exit 2', async () => {
    const one = oneDocument<Status>(ended(await status('carcosa', '--json'), 0));
    assert.deepEqual(
      one.sets.map(({ host }) => host),
      ['carcosa'],
    );
    refusedWith(ended(await status('ghost', '--json'), 2), 'host-unknown', /carcosa, purr/);
  });

  test('a problem that is open: exit 1, also with --quiet, and it is listed', async () => {
    const at = '2026-11-20T04:00:00Z';
    const problem = {
      ...{ type: 'offsite/problem/1', format: 1, kind: 'missed', host: 'carcosa', set: 'data', policy: null },
      began: { policy: 'nightly', due: at, run: null, at },
      reasons: [{ code: 'never-started', text: 'It never started.' }],
      ...{ recorded: at, told: at, further: [], furtherCount: 0, closed: null },
    };
    home.write('store/alerts/missed.data.carcosa.json', `${JSON.stringify(problem)}\n`);
    const said = ended(await status(), 1);
    assert.match(said.out, /MISSED {2}carcosa\/data {2}since 2026-11-20 04:00 UTC/);
    assert.deepEqual(
      [oneDocument<Status>(ended(await status('--json'), 1)).ok, ended(await status('purr'), 0).code],
      [false, 0],
    );
    const quiet = ended(await status('--quiet'), 1);
    assert.equal(quiet.out, '');
    assert.match(quiet.err, /^warning: MISSED {2}carcosa\/data {2}since 2026-11-20 04:00 UTC/m);
    const documented =
      /`--json`: `(\{[^`]+)`/.exec(readFileSync(join(import.meta.dirname, '../../docs/fleet.md'), 'utf8'))?.[1] ?? '';
    const names = new Set([...documented.matchAll(/"(\w+)"/g)].map(([, name]) => name));
    const document = oneDocument<object>(ended(await status('--json'), 1));
    assert.deepEqual(
      keysOf(document).filter((name) => !names.has(name)),
      [],
    );
    for (const name of Object.keys(document)) assert.ok(names.has(name), name);
  });

  test('discover: a config that came, and one that went', async () => {
    home.write('hosts/third.yml', readFileSync(home.config('purr'), 'utf8').replace('host: purr', 'host: third'));
    const config = readFileSync(home.path('hosts/purr.yml'));
    rmSync(home.path('hosts/purr.yml'));
    const found = oneDocument<Discovered>(ended(await discover('--json'), 0));
    assert.deepEqual(
      [found.fresh.map(({ node }) => node), found.unknown.map(({ host }) => host)],
      [['third'], ['purr']],
    );
    assert.match(ended(await discover(), 0).err, /purr: the command service does not know its node purr/);
    home.write('hosts/purr.yml', config);
  });
});
