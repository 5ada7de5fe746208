/** The command line as people and scripts use it: exit codes, what goes where, --json, --quiet, and a fresh machine. */

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { after, describe, test } from 'node:test';
import { stringify } from 'yaml';
import { ended, Home, offsite, oneDocument, type Said } from '../helpers/offsite.ts';

const home = new Home();
after(() => home[Symbol.dispose]());

type Run = Record<string, unknown> & { run: string; set: string; outcome: string };
type Failed = { error: { code: string; message: string; hint: string } };

/** Runs several at once, as many as there are cores. */
async function batch(commands: readonly (readonly string[])[], env: Record<string, string> = {}): Promise<Said[]> {
  const said: Said[] = [];
  for (let i = 0; i < commands.length; i += 2) {
    said.push(...(await Promise.all(commands.slice(i, i + 2).map((words) => offsite(words, { env })))));
  }
  return said;
}

/** Each ends with this exit code and error, also with --json, where that is the one document. */
async function refused(
  cases: readonly (readonly [code: string, exit: number, words: readonly string[]])[],
): Promise<void> {
  const said = await batch(cases.map(([, , words]) => [...words, '--json']));
  for (const [i, [code, exit, words]] of cases.entries()) {
    const one = said[i] as Said;
    assert.equal(one.code, exit, `${words.join(' ')}: ${one.out}${one.err}`);
    const document = oneDocument<Failed>(one);
    assert.deepEqual(Object.keys(document), ['error']);
    assert.deepEqual(Object.keys(document.error), ['code', 'message', 'hint']);
    assert.equal(document.error.code, code, `${words.join(' ')}: ${document.error.message}`);
    assert.match(one.err, /^(error|warning): /m, 'also for people');
    assert.doesNotMatch(one.err, /\n {4}at /, 'no stack');
  }
}

/** A host's config with these sets. */
function configure(host: string, sets: object, more: object = {}): void {
  const config = {
    host,
    store: home.store,
    recipients: ['../operator/public.asc'],
    identity: home.path(host, 'state/identity'),
    state: home.path(host, 'state'),
    sets,
    ...more,
  };
  writeFileSync(home.config(host), stringify(config));
}

async function backup(host: string, more: readonly string[] = [], code = 0): Promise<Run[]> {
  const said = ended(await offsite(['backup', '--json', ...home.as(host), ...more]), code);
  return oneDocument<{ runs: Run[] }>(said).runs;
}

const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((one) => one.isFile())
    .map((one) => `${one.parentPath}/${one.name}`)
    .sort();

const SOURCE = home.path('source');
const GREETING = `${SOURCE.slice(1)}/greeting`;

describe('enrolment', () => {
  test('keys generate: the fingerprint on stdout, where the files are on stderr, nothing overwritten', async () => {
    const said = ended(await home.makeKeys(), 0);
    assert.match(said.out, /^[0-9A-F]{40}\n$/);
    assert.match(said.err, /public\.asc.*private\.asc/s);
    assert.equal(statSync(home.privateKey).mode & 0o777, 0o600);
    const before = [home.privateKey, home.publicKey].map((file) => readFileSync(file, 'utf8'));
    const half = home.path('half');
    const words = (out: string) => ['keys', 'generate', '--name', 'J', '--email', 'j@example.org', '--out', out];
    home.write('half/public.asc', 'mine');
    home.write('other/private.asc', 'mine');
    home.write('empty', '\n');
    await refused([
      ['target-exists', 2, words(home.path('operator'))],
      ['target-exists', 2, words(half)],
      ['target-exists', 2, words(home.path('other'))],
      ['target-unusable', 1, words(home.path('empty/no'))],
      ['usage', 2, [...words(home.path('never')), '--passphrase-file', home.path('empty')]],
      ['key-unreadable', 2, [...words(home.path('never')), '--passphrase-file', home.path('absent')]],
    ]);
    assert.deepEqual(
      [home.privateKey, home.publicKey].map((file) => readFileSync(file, 'utf8')),
      before,
    );
    for (const folder of [half, home.path('other')]) assert.equal(readdirSync(folder).length, 1, 'nothing half done');
    assert.ok(!existsSync(home.path('never')));
  });

  test('init: writes the config once, with the identity beside the state; refuses what it cannot use', async () => {
    home.write('source/greeting', 'hello\n');
    home.write('source/deep/number', '42\n');
    const said = ended(await home.init('carcosa', ['--path', SOURCE]), 0);
    assert.match(said.out, /^carcosa [0-9A-F]{40}\n$/);
    assert.match(said.err, /offsite trust carcosa/);
    assert.equal(statSync(home.config('carcosa')).mode & 0o777, 0o600);
    assert.ok(existsSync(home.path('carcosa/state/identity/signing-key.asc')));
    const written = readFileSync(home.config('carcosa'), 'utf8');
    const signing = files(home.path('store/hosts/carcosa'))[0] ?? '';
    const never = ['init', '--state', home.path('never'), '--config', home.path('never/config.yml')];
    const store = ['--store', home.store];
    home.write('junk.asc', 'no key');
    await refused([
      ['config-exists', 2, ['init', ...store, '--recipient', home.publicKey, ...home.as('carcosa')]],
      ['usage', 2, [...never, '--recipient', home.publicKey]],
      ['usage', 2, [...never, ...store, '--recipient', home.publicKey, '--host', 'no host']],
      ['key-unreadable', 2, [...never, ...store, '--recipient', home.path('absent.asc')]],
      ['key-unreadable', 2, [...never, ...store, '--recipient', home.publicKey, home.path('junk.asc')]],
      ['recipient-unusable', 2, [...never, ...store, '--recipient', signing]],
      ['store-url', 2, [...never, '--store', '/tmp/x', '--recipient', home.publicKey]],
      [
        'target-unusable',
        1,
        [
          'init',
          ...store,
          '--host',
          'nobody',
          '--state',
          home.path('nobody'),
          '--config',
          home.path('source/greeting/no.yml'),
          '--recipient',
          home.publicKey,
        ],
      ],
    ]);
    assert.equal(readFileSync(home.config('carcosa'), 'utf8'), written);
    assert.ok(!existsSync(home.path('never')), 'nothing is left of what was refused');
    const second = ended(await home.init('purr', ['--path', SOURCE, '--json']), 0);
    const made = oneDocument(second);
    assert.deepEqual(Object.keys(made).sort(), ['config', 'fingerprint', 'host', 'prefix', 'store']);
    assert.equal(second.err, '');
  });

  test('trust: shows fingerprints and needs --yes, or a terminal; certifies once', async () => {
    const without = ended(await offsite(['trust', 'carcosa', ...home.operator]), 2);
    assert.match(without.err, /carcosa {2}[0-9A-F]{40}/);
    assert.match(without.err, /--yes/);
    assert.ok(!existsSync(home.path('store/config/trust.json')), 'nothing was certified');
    const asked = ended(await offsite(['trust', 'carcosa', '--json', ...home.operator]), 2);
    assert.match(
      oneDocument<Failed>(asked).error.message,
      /[0-9A-F]{40}/,
      'whoever is not shown the keys above gets them here',
    );
    await refused([
      ['host-unknown', 2, ['trust', 'nobody-else', '--yes', ...home.operator]],
      ['usage', 2, ['trust', 'carcosa', '--yes', '--store', home.store]],
      ['usage', 2, ['trust', 'carcosa', 'purr', '--fingerprint', 'AB', '--yes', ...home.operator]],
      ['host-unknown', 2, ['trust', 'carcosa', '--fingerprint', 'AB', '--yes', ...home.operator]],
      ['key-unreadable', 2, ['trust', 'carcosa', '--yes', '--store', home.store, '--key', home.publicKey]],
      [
        'store-absent',
        1,
        ['trust', 'carcosa', '--yes', '--store', `file://${home.path('no-store')}`, '--key', home.privateKey],
      ],
    ]);
    const said = ended(await offsite(['trust', 'carcosa', 'purr', '--yes', ...home.operator]), 0);
    assert.match(said.out, /^certified carcosa [0-9A-F]{40}\ncertified purr [0-9A-F]{40}\n$/);
    const again = ended(await offsite(['trust', 'carcosa', '--json', ...home.operator]), 0);
    assert.equal(oneDocument(again).serial, 1, 'nothing new, so nothing is asked and nothing written');
  });
});

describe('backup', () => {
  let first: Run;

  test('--quiet prints nothing on success and exits 0', async () => {
    configure('carcosa', { data: { paths: [SOURCE] }, etc: { paths: [home.path('operator')] } });
    const said = ended(await offsite(['backup', '--quiet', ...home.as('carcosa')]), 0);
    assert.deepEqual([said.out, said.err], ['', '']);
  });

  test('--json: one document with the fields of every run; results on stdout and messages on stderr without it', async () => {
    home.write('source/more', 'more\n');
    const said = ended(await offsite(['backup', '--json', ...home.as('carcosa')]), 0);
    assert.equal(said.err, '');
    const { runs } = oneDocument<{ runs: Run[] }>(said);
    const fields =
      'run set type requested promoted outcome chain base sequence started finished files directories bytes changedFiles newBytes storedBytes parts warnings error'.split(
        ' ',
      );
    assert.deepEqual(
      runs.map((run) => Object.keys(run)),
      [fields, fields],
    );
    first = runs[0] as Run;
    const { set, type, requested, promoted, outcome, sequence, files: count, error } = first;
    assert.deepEqual(
      { set, type, requested, promoted, outcome, sequence, count, error },
      {
        set: 'data',
        type: 'incremental',
        requested: 'auto',
        promoted: null,
        outcome: 'complete',
        sequence: 2,
        count: 3,
        error: null,
      },
    );
    const plain = ended(await offsite(['backup', '--set', 'data', ...home.as('carcosa')]), 0);
    assert.match(
      plain.out,
      /^data: run \S+ \(incremental\) complete: 3 files, 14 B, \d changed files?, 0 B new, .* stored\n$/,
    );
    assert.match(plain.err, /^done in /);
  });

  test('--dry-run writes nothing to the store', async () => {
    const before = files(home.path('store'));
    home.write('source/new', 'new\n');
    const [dry] = await backup('carcosa', ['--dry-run', '--set', 'data']);
    assert.equal(dry?.outcome, 'dry-run');
    // Files that are younger than two seconds are read again as well.
    assert.ok(Number(dry?.changedFiles) >= 1);
    assert.deepEqual(files(home.path('store')), before);
  });

  test('what is not understood: exit 2, and nothing is begun', async () => {
    const config = (name: string, text: string) => ['--config', home.write(name, text)];
    const good = readFileSync(home.config('carcosa'), 'utf8');
    const before = files(home.path('store'));
    const cases: [string, number, string[]][] = [
      ['usage', 2, ['backup', '--set', 'nothing', ...home.as('carcosa')]],
      ['config-invalid', 2, ['backup', '--config', home.path('absent.yml')]],
      ['config-invalid', 2, ['backup', ...config('a.yml', `${good}\nmemmory: 1GB\n`)]],
      ['config-invalid', 2, ['backup', ...config('b.yml', good.replace('paths:', 'path:'))]],
      ['config-invalid', 2, ['backup', ...config('c.yml', `${good}\nmemory: much\n`)]],
      ['config-invalid', 2, ['backup', ...config('d.yml', `${good}\n  - : [`)]],
      ['config-invalid', 2, ['backup', ...config('e.yml', '')]],
      ['key-unreadable', 2, ['backup', ...config('deep/f.yml', good.replace('../operator', 'nowhere'))]],
      ['job-invalid', 2, ['backup', '--job', 'bm90IGEgam9i', ...home.as('carcosa')]],
      ['job-invalid', 2, ['backup', '--job', '***', ...home.as('carcosa')]],
    ];
    await refused(cases);
    assert.deepEqual(files(home.path('store')), before);
    const said = await offsite(['backup', '--config', home.path('a.yml')]);
    assert.match(said.err, /a\.yml: unknown key "memmory"/);
  });

  test('a failing script fails its set alone: exit 1, one document, and --quiet says it', async () => {
    home.write('scripts/10-dump', '#!/bin/sh\necho secret; exit 7\n', 0o755);
    configure('carcosa', { data: { paths: [SOURCE] }, db: { scripts: home.path('scripts') } });
    const said = ended(await offsite(['backup', '--json', ...home.as('carcosa')]), 1);
    const { runs } = oneDocument<{ runs: Run[] }>(said);
    assert.deepEqual(
      runs.map(({ set, outcome, error }) => [set, outcome, (error as { code: string } | null)?.code]),
      [
        ['data', 'complete', undefined],
        ['db', 'failed', 'script-failed'],
      ],
    );
    assert.match(said.err, /10-dump/);
    const quiet = ended(await offsite(['backup', '--quiet', '--set', 'db', ...home.as('carcosa')]), 1);
    assert.equal(quiet.out, '');
    assert.match(quiet.err, /^error: .*10-dump exited with 7/);
  });

  test('another run of the set under way: exit 75', async () => {
    const body = `touch ${home.path('began')}\necho x > dump\nwhile [ ! -e ${home.path('go')} ]; do sleep 0.1; done`;
    home.write('scripts/10-dump', `#!/bin/sh\n${body}\n`, 0o755);
    configure('carcosa', { db: { scripts: home.path('scripts') } });
    const slow = backup('carcosa');
    while (!existsSync(home.path('began'))) await new Promise((resolve) => setTimeout(resolve, 20));
    const [busy] = await backup('carcosa', [], 75);
    assert.deepEqual([busy?.outcome, (busy?.error as { code: string } | null)?.code], ['skipped', 'busy']);
    home.write('go', '');
    assert.equal((await slow)[0]?.outcome, 'complete');
  });

  test('a gate that fails makes the run suspect: exit 3, also with --quiet, which names the gate', async () => {
    configure('purr', { data: { paths: [SOURCE] } });
    const [good] = await backup('purr');
    assert.equal(good?.outcome, 'complete');
    configure('purr', { data: { paths: [SOURCE], expect: { minFiles: 100 } } });
    const said = ended(await offsite(['backup', '--quiet', ...home.as('purr')]), 3);
    assert.equal(said.out, '');
    assert.match(said.err, /gate minFiles failed: expected at least 100, found 4/);
    configure('carcosa', { data: { paths: [SOURCE] } });
  });

  test('runs: a table for people, the fields of backup and more with --json, and never without an anchor', async () => {
    const operator = ['--store', home.store, '--operator', home.publicKey];
    const [table, quiet, document, ofConfig] = await batch([
      ['runs', ...operator],
      ['runs', '--quiet', ...operator],
      ['runs', '--json', ...operator, '--host', 'carcosa', '--set', 'data'],
      ['runs', '--json', ...home.as('purr')],
    ]);
    assert.ok(table && quiet && document && ofConfig);
    for (const one of [table, quiet, document, ofConfig]) ended(one, 0);
    const lines = table.out.trimEnd().split('\n');
    assert.match(lines[0] ?? '', /^HOST +SET +RUN +STARTED +TYPE +OUTCOME +FILES +SIZE +STORED$/);
    assert.equal(lines.length, 1 + 11);
    assert.deepEqual([table.err, quiet.out], ['', table.out]);
    const { runs } = oneDocument<{ runs: Run[] }>(document);
    assert.equal(runs.length, 4);
    const wanted = runs.find(({ run }) => run === first.run);
    for (const [name, value] of Object.entries(first)) assert.deepEqual(wanted?.[name], value, name);
    for (const name of ['host', 'verdict', 'accepted']) assert.ok(name in (wanted ?? {}), name);
    assert.deepEqual([wanted?.host, wanted?.accepted, wanted?.verdict], ['carcosa', true, null]);
    assert.equal(oneDocument<{ runs: Run[] }>(ofConfig).runs.length, 11, "the config's first recipient is the anchor");
    mkdirSync(home.path('nothing'), { recursive: true });
    await refused([
      ['trust-anchor', 2, ['runs', '--store', home.store, ...home.as('purr')]],
      ['run-not-found', 2, ['runs', '--host', 'nobody', ...operator]],
      ['run-not-found', 2, ['runs', '--store', `file://${home.path('nothing')}`, '--operator', home.publicKey]],
      [
        'signature-invalid',
        1,
        ['runs', '--store', home.store, '--operator', files(home.path('store/hosts/purr'))[0] ?? ''],
      ],
    ]);
  });
});

describe('which run', () => {
  test('latest needs exactly one host and set; ids, times, and what is not there', async () => {
    const { operator } = home;
    const to = ['--to', home.path('unused')];
    const data = ['--host', 'carcosa', '--set', 'data'];
    await refused([
      ['run-ambiguous', 2, ['ls', 'latest', ...operator]],
      ['run-ambiguous', 2, ['ls', 'latest', '--host', 'carcosa', ...operator]],
      ['run-ambiguous', 2, ['verify', '--set', 'data', ...operator]],
      ['run-not-found', 2, ['ls', 'newest', ...data, ...operator]],
      ['run-not-found', 2, ['ls', '20260101T000000Z-000000000000', 'x', ...operator]],
      ['run-not-found', 2, ['restore', 'latest', '--host', 'carcosa', '--set', 'nothing', ...to, ...operator]],
      ['run-not-found', 2, ['restore', 'latest', ...data, '--at', '2020-01-01', ...to, ...operator]],
      ['path-not-found', 1, ['restore', 'latest', 'no/such', ...data, ...to, ...operator]],
      ['path-not-found', 1, ['ls', 'latest', 'no/such', ...data, ...operator]],
      ['usage', 2, ['cat', 'latest', GREETING, ...data, ...operator]],
      ['usage', 2, ['verify', '--all', '20260101T000000Z-000000000000', ...operator]],
      ['usage', 2, ['verify', '--read-data', '--store', home.store, '--operator', home.publicKey]],
      ['usage', 2, ['ls', 'latest', ...data, '--store', home.store]],
    ]);
    assert.ok(!existsSync(home.path('unused')), 'nothing was begun');
  });

  test('--at: the newest one at or before it', async () => {
    const said = ended(await offsite(['runs', '--json', '--host', 'carcosa', '--set', 'data', ...home.operator]), 0);
    const ids = oneDocument<{ runs: Run[] }>(said).runs.map(({ run }) => run);
    const id = ids[1] ?? '';
    const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
    const words = ['--host', 'carcosa', '--set', 'data', '--json', ...home.operator];
    const [exact, local, day] = await batch([
      ['ls', 'latest', '--at', `${y}-${mo}-${d}T${h}:${mi}:${s}Z`, ...words],
      ['ls', 'latest', '--at', `${y}-${mo}-${d}T${h}:${mi}:${s}`, ...words],
      ['ls', 'latest', '--at', `${y}-${mo}-${d}`, ...words],
    ]);
    // Runs of one second cannot be told apart by a time.
    const expected = ids.filter((one) => one.slice(0, 16) <= id.slice(0, 16)).at(-1);
    assert.equal(oneDocument(exact as Said).run, expected);
    assert.equal(oneDocument(local as Said).run, expected);
    assert.equal(oneDocument(day as Said).run, ids.at(-1));
  });

  test('a suspect run is never latest, until it is accepted', async () => {
    const purr = ['--host', 'purr', ...home.operator];
    const runs = oneDocument<{ runs: Run[] }>(await offsite(['runs', '--json', ...purr])).runs;
    const [good, suspect] = runs.map(({ run }) => run);
    assert.ok(good && suspect);
    assert.deepEqual(
      runs.map(({ outcome, accepted }) => [outcome, accepted]),
      [
        ['complete', true],
        ['suspect', false],
      ],
    );
    const before = ended(await offsite(['ls', 'latest', '--json', ...purr]), 0);
    assert.equal(oneDocument(before).run, good);
    assert.match(before.err, new RegExp(`warning: run ${suspect} is passed over: it is suspect and not accepted`));
    const because = ['--because', 'we moved the photos away'];
    await refused([
      ['usage', 2, ['accept', 'latest', ...because, ...purr]],
      ['usage', 2, ['accept', good, ...because, ...purr]],
      ['usage', 2, ['accept', suspect, ...because, '--store', home.store]],
      ['usage', 2, ['accept', suspect, ...purr]],
    ]);
    const said = ended(await offsite(['accept', suspect, ...because, ...purr]), 0);
    assert.match(said.out, new RegExp(`^run ${suspect} of purr, set data, is accepted\n$`));
    const [again, after, table] = await batch([
      // The same words within the same second are the same word, and no second one.
      ['accept', suspect, '--json', '--because', 'another reason', ...purr],
      ['ls', 'latest', '--json', ...purr],
      ['runs', ...purr],
    ]);
    assert.equal(oneDocument<Failed>(ended(again as Said, 1)).error.code, 'store-exists');
    assert.equal(oneDocument(ended(after as Said, 0)).run, suspect);
    assert.equal(after?.err, '');
    assert.match(table?.out ?? '', /suspect, accepted/);
  });
});

describe('a look inside', () => {
  const data = ['--host', 'carcosa', '--set', 'data'];

  test('ls, cat: people, scripts, quiet', async () => {
    const [ls, deep, quiet, document, cat, slash, file] = await batch([
      ['ls', 'latest', SOURCE, ...data, ...home.operator],
      ['ls', 'latest', '-r', ...data, ...home.operator],
      ['ls', 'latest', '-r', '--quiet', ...data, ...home.operator],
      ['ls', 'latest', GREETING, '--json', ...data, ...home.operator],
      ['cat', 'latest', GREETING, ...data, ...home.operator],
      ['cat', 'latest', `/${GREETING}`, '--quiet', ...data, ...home.operator],
      ['ls', 'latest', GREETING, ...data, ...home.operator],
    ]);
    assert.ok(ls && deep && quiet && document && cat && slash && file);
    for (const one of [ls, deep, quiet, document, cat, slash, file]) {
      ended(one, 0);
      assert.equal(one.err, '');
    }
    assert.deepEqual(
      ls.out
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/\s+/).at(-1)),
      ['deep', 'greeting', 'more', 'new'],
    );
    assert.match(ls.out, /^drwxr-xr-x +- /m);
    assert.match(file.out, /^-rw-r--r-- +6 +\S+:\S+ +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +greeting\n$/);
    assert.match(deep.out, new RegExp(`${SOURCE.slice(1)}/deep/number\n`));
    assert.equal(quiet.out, deep.out);
    const { entries } = oneDocument<{ entries: Record<string, unknown>[] }>(document);
    assert.deepEqual(
      entries.map(({ path, type, size, mode }) => [path, type, size, mode]),
      [[GREETING, 'file', 6, '0644']],
    );
    assert.deepEqual([cat.out, slash.out], ['hello\n', 'hello\n']);
  });

  test('verify: good, with and without the key; a damaged part is named, with the files', async () => {
    const public_ = ['--store', home.store, '--operator', home.publicKey];
    const [objects, content, all] = await batch([
      ['verify', ...data, ...public_],
      ['verify', 'latest', '--read-data', '--json', ...data, ...home.operator],
      ['verify', '--all', '--quiet', ...public_],
    ]);
    assert.match(ended(objects as Said, 0).out, /^good {2}carcosa {2}data {2}\S+ {2}\d+ objects, /);
    const report = oneDocument<{ verified: boolean; runs: { report: { level: string; files: number } }[] }>(
      ended(content as Said, 0),
    );
    assert.deepEqual(
      [report.verified, report.runs[0]?.report.level, report.runs[0]?.report.files],
      [true, 'content', 4],
    );
    assert.deepEqual([ended(all as Said, 0).out, all?.err], ['', '']);
    const folder = home.path('store/data/purr');
    const part = files(folder)[0] ?? '';
    const bytes = readFileSync(part);
    rmSync(part);
    writeFileSync(part, Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]));
    const [plain, json] = await batch([
      ['verify', '--all', ...public_],
      ['verify', '--all', '--read-data', '--json', ...home.operator],
    ]);
    writeFileSync(part, bytes);
    assert.match(ended(plain as Said, 1).out, /^BAD {3}purr /m);
    assert.match(plain?.err ?? '', new RegExp(`warning: .*${basename(part)} is damaged`));
    const hurt = oneDocument<{ verified: boolean; runs: { report: { errors: { files: string[] }[] } | null }[] }>(
      ended(json as Said, 1),
    );
    assert.equal(hurt.verified, false);
    assert.ok(
      hurt.runs.flatMap(({ report: one }) => one?.errors ?? []).some((error) => error.files.includes(GREETING)),
    );
  });

  test('check: by age without a fleet file; overdue is exit 1', async () => {
    const public_ = ['--store', home.store, '--operator', home.publicKey];
    await refused([['fleet-missing', 1, ['check', ...public_]]]);
    const [good, json, overdue] = await batch([
      ['check', '--max-age', '26h', ...public_],
      ['check', '--max-age', '26h', '--json', ...public_],
      ['check', '--max-age', '0s', '--quiet', ...public_],
    ]);
    assert.match(ended(good as Said, 0).out, /^HOST +SET +NEWEST GOOD/);
    assert.equal(good?.err, '');
    const { ok, sets } = oneDocument<{ ok: boolean; sets: Record<string, unknown>[] }>(ended(json as Said, 0));
    assert.deepEqual(
      [ok, sets.map(({ host, set }) => `${host}/${set}`)],
      [true, ['carcosa/data', 'carcosa/db', 'carcosa/etc', 'purr/data']],
    );
    assert.equal(ended(overdue as Said, 1).out, '');
    assert.match(overdue?.err ?? '', /warning: carcosa, set data: the newest good backup is too old/);
  });
});

describe('restore', () => {
  const data = ['--host', 'carcosa', '--set', 'data'];

  test('on a fresh machine, with the private key and the store alone', async () => {
    const to = home.path('fresh');
    const env = { HOME: home.path('nobody'), OFFSITE_CONFIG: home.path('nobody/no.yml') };
    const said = ended(
      await offsite(['restore', 'latest', ...data, ...home.operator, '--to', to], { env, cwd: '/' }),
      0,
    );
    assert.equal(readFileSync(`${to}/${GREETING}`, 'utf8'), 'hello\n');
    assert.match(said.out, /^4 files, 18 B restored and verified in /);
    assert.match(said.err, /^run \S+ of carcosa, set data, sequence \d+\nmade .* ago\), complete\nto restore: 4 files/);
    const again = ended(
      await offsite(['restore', 'latest', ...data, ...home.operator, '--to', to, '--quiet'], { env }),
      0,
    );
    assert.deepEqual([again.out, again.err], ['', '']);
  });

  test('--json, --dry-run, what is there is kept: exit 3; --overwrite', async () => {
    const to = home.path('kept');
    home.write(`kept/${GREETING}`, 'mine, and longer\n');
    const words = ['restore', 'latest', GREETING, ...data, ...home.operator, '--to', to];
    const dry = ended(await offsite([...words, '--dry-run', '--json']), 0);
    assert.deepEqual(Object.keys(oneDocument(dry)), ['plan', 'problems']);
    const kept = ended(await offsite([...words, '--json']), 3);
    const report = oneDocument<{ run: string; errors: { path: string; code: string }[] }>(kept);
    for (const name of ['run', 'files', 'bytes', 'verified', 'notSet', 'errors']) assert.ok(name in report, name);
    assert.deepEqual(
      report.errors.map(({ path }) => path),
      [GREETING],
    );
    assert.match(kept.err, /warning: .*greeting/);
    assert.equal(readFileSync(`${to}/${GREETING}`, 'utf8'), 'mine, and longer\n');
    const over = ended(await offsite([...words, '--json', '--overwrite']), 0);
    const { verified, files: count, bytes, errors } = oneDocument(over);
    assert.deepEqual({ verified, count, bytes, errors }, { verified: true, count: 1, bytes: 6, errors: [] });
    assert.equal(readFileSync(`${to}/${GREETING}`, 'utf8'), 'hello\n');
    await refused([
      ['target-unusable', 1, ['restore', 'latest', ...data, ...home.operator, '--to', `${to}/${GREETING}`]],
    ]);
  });

  test('what is in the environment, and a passphrase in a file', async () => {
    const secret = home.write('secret', 'correct horse\n', 0o600);
    const wrong = home.write('wrong', 'correct house\n', 0o600);
    const words = [
      '--name',
      'Jo',
      '--email',
      'jo@example.org',
      '--out',
      home.path('locked'),
      '--passphrase-file',
      secret,
    ];
    const made = ended(await offsite(['keys', 'generate', '--json', ...words]), 0);
    assert.equal(oneDocument(made).locked, true);
    const locked = home.path('locked/private.asc');
    const config = home.path('locked/config.yml');
    const store = `file://${home.path('locked/store')}`;
    const recipients = ['--recipient', home.path('locked/public.asc'), home.publicKey];
    const env = { OFFSITE_CONFIG: config };
    ended(
      await offsite(
        [
          'init',
          '--store',
          store,
          ...recipients,
          '--host',
          'vault',
          '--state',
          home.path('locked/state'),
          '--path',
          SOURCE,
        ],
        { env },
      ),
      0,
    );
    ended(await offsite(['backup', '--quiet'], { env }), 0);
    const ofKey = { OFFSITE_STORE: store, OFFSITE_KEY: locked };
    const [none, bad, badFlag] = await Promise.all([
      offsite(['trust', 'vault', '--yes', '--json'], { env: ofKey }),
      offsite(['trust', 'vault', '--yes', '--json'], { env: { ...ofKey, OFFSITE_PASSPHRASE_FILE: wrong } }),
      offsite(['trust', 'vault', '--yes', '--json', '--passphrase-file', wrong], {
        env: { ...ofKey, OFFSITE_PASSPHRASE_FILE: secret },
      }),
    ]);
    for (const one of [none, bad, badFlag]) {
      assert.equal(oneDocument<Failed>(ended(one, 2)).error.code, 'key-passphrase');
      assert.doesNotMatch(one.out + one.err, /correct h/);
    }
    const whole = { ...ofKey, OFFSITE_PASSPHRASE_FILE: secret };
    ended(await offsite(['trust', 'vault', '--yes'], { env: whole }), 0);
    const cat = ended(await offsite(['cat', 'latest', GREETING], { env: whole }), 0);
    assert.equal(cat.out, 'hello\n');
    // A private key is an anchor also while it is locked.
    ended(await offsite(['runs'], { env: ofKey }), 0);
    // The second recipient opens it as well, and is no anchor.
    const other = ended(
      await offsite(['cat', 'latest', GREETING, '--json', '--key', home.privateKey], { env: whole }),
      2,
    );
    assert.equal(oneDocument<Failed>(other).error.code, 'usage');
    const stranger = ended(await offsite(['cat', 'latest', GREETING, '--key', home.privateKey], { env: whole }), 1);
    assert.match(stranger.err, /config\/trust\.json is not signed by the operator's key/);
  });
});

describe('a second key', () => {
  test('a host that lost its identity: its runs are uncertified until its new key is named', async () => {
    const data = ['--host', 'purr', ...home.operator];
    renameSync(home.path('purr/state'), home.path('purr/lost'));
    configure('purr', { data: { paths: [SOURCE] } });
    const said = ended(await offsite(['backup', '--json', ...home.as('purr')]), 0);
    const [run] = oneDocument<{ runs: Run[] }>(said).runs;
    assert.ok(run);
    const [uncertified, latest, trust] = await batch([
      ['restore', run.run, '--json', '--to', home.path('second'), ...data],
      ['ls', 'latest', '--json', ...data],
      ['trust', 'purr', '--yes', ...home.operator],
    ]);
    assert.equal(oneDocument<Failed>(ended(uncertified as Said, 1)).error.code, 'uncertified');
    assert.notEqual(oneDocument(ended(latest as Said, 0)).run, run.run);
    assert.match(latest?.err ?? '', new RegExp(`warning: run ${run.run} is passed over: it is signed by`));
    assert.match(ended(trust as Said, 2).err, /certify a further one by --fingerprint: [0-9A-F]{40}/);
    const fingerprint = /--fingerprint: ([0-9A-F]{40})/.exec(trust?.err ?? '')?.[1] ?? '';
    const once = ended(
      await offsite(['restore', run.run, '--trust', fingerprint, '--to', home.path('second'), ...data]),
      0,
    );
    assert.match(once.err, /warning: the host key [0-9A-F]{40} is not certified/);
    // As people copy it: in groups, in small letters.
    const spelt = fingerprint.toLowerCase().replace(/.{4}/g, '$& ').trim();
    const certified = ended(
      await offsite(['trust', 'purr', '--fingerprint', spelt, '--yes', '--json', ...home.operator]),
      0,
    );
    const [key] = oneDocument<{ certified: { fingerprint: string; from: number }[] }>(certified).certified;
    assert.deepEqual([key?.fingerprint, key?.from], [fingerprint, 3]);
    assert.equal(oneDocument(ended(await offsite(['ls', 'latest', '--json', ...data]), 0)).run, run.run);
  });
});
