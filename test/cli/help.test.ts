/** What the command line says of itself. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ended, offsite, oneDocument, type Said } from '../helpers/offsite.ts';

const COMMANDS = [
  'keys',
  'init',
  'trust',
  'backup',
  'runs',
  'ls',
  'cat',
  'restore',
  'verify',
  'accept',
  'check',
  'fleet',
];

const top = await offsite(['--help']);

const pages = new Map<string, Said>();
const FLEET = ['apply', 'status', 'discover', 'run', 'test-alert', 'subscribe', 'teardown', 'watch'];
const all = [...COMMANDS, 'keys generate', ...FLEET.map((name) => `fleet ${name}`)];
for (let i = 0; i < all.length; i += 3) {
  const some = all.slice(i, i + 3);
  const said = await Promise.all(some.map((command) => offsite([...command.split(' '), '--help'])));
  for (const [at, command] of some.entries()) pages.set(command, said[at] as Said);
}

/** The long options that a page describes. */
const optionsOf = (page: string) =>
  new Set([...page.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, name = '']) => name));

test('--help lists the commands that there are and nothing else, with exit codes and examples', () => {
  ended(top, 0);
  const section = /\nCommands:\n(.*?)\n\n/s.exec(top.out)?.[1] ?? '';
  const listed = [...section.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name);
  assert.deepEqual(
    listed.filter((name) => name !== 'help'),
    COMMANDS,
  );
  assert.match(top.out, /Exit codes: 0 .* 1 .* 2 .* 3 .* 75 /);
  assert.match(top.out, /Examples:\n {2}offsite /);
  assert.equal(top.err, '');
});

describe('every command', () => {
  for (const [command, said] of pages) {
    test(`offsite ${command} --help: exit 0, on stdout, with an example whose options exist`, () => {
      ended(said, 0);
      assert.equal(said.err, '');
      const [, examples] = /\nExamples?:\n(.*)$/s.exec(said.out) ?? [];
      assert.ok(examples, said.out);
      const lines = examples.split('\n').filter((line) => line.trim() !== '');
      assert.ok(lines.length > 0);
      const known = optionsOf(`${top.out}\n${said.out}\n${pages.get('keys generate')?.out}`);
      for (const line of lines) {
        assert.ok(line.startsWith(`  offsite ${command}`), line);
        for (const [, option = ''] of line.matchAll(/ (--[a-z-]+)/g))
          assert.ok(known.has(option), `${option}: ${line}`);
      }
    });
  }
});

test('no command, an unknown one, unknown or missing options: exit 2, told on stderr, one document with --json', async () => {
  const wrong: string[][] = [
    [],
    ['keys'],
    ['prune'],
    ['fleet'],
    ['fleet', 'sometimes'],
    ['fleet', 'run'],
    ['runs', '--nonsense'],
    ['restore', 'latest'],
    ['backup', 'sometimes'],
    ['ls'],
    ['check', '--max-age', 'soon'],
    ['restore', 'latest', '--to', '/nowhere', '--at', 'yesterday'],
  ];
  const said: Said[] = [];
  for (let i = 0; i < wrong.length; i += 2) {
    said.push(...(await Promise.all(wrong.slice(i, i + 2).map((words) => offsite([...words, '--json'])))));
  }
  for (const [i, one] of said.entries()) {
    ended(one, 2);
    const { error } = oneDocument<{ error: Record<string, string> }>(one);
    assert.deepEqual([error?.code, typeof error?.message, typeof error?.hint], ['usage', 'string', 'string']);
    assert.notEqual(one.err, '', wrong[i]?.join(' '));
  }
  const plain = ended(await offsite(['runs', '--nonsense']), 2);
  assert.equal(plain.out, '');
  assert.match(plain.err, /--nonsense/);
});

test('--version', async () => {
  const said = ended(await offsite(['--version']), 0);
  assert.match(said.out, /^\d+\.\d+\.\d+\n$/);
});
