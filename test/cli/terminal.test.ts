/** On a terminal there is progress, and questions are asked; elsewhere neither. */

import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, test } from 'node:test';
import { ended, Home, offsite, offsiteOnTerminal } from '../helpers/offsite.ts';

const home = new Home();
after(() => home[Symbol.dispose]());

/** What controls the terminal begins with it. */
const ESCAPE = '\u001b';
const CLEARED = `\r${ESCAPE}[K`;

const noise = (length: number) =>
  createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(length));

ended(await home.makeKeys(), 0);
ended(await home.init('carcosa', ['--path', home.path('source')]), 0);
home.write('source/big', noise(120_000_000));
home.write('source/small', 'small\n');

test('trust asks: anything but yes certifies nothing', async () => {
  const no = ended(await offsiteOnTerminal(['trust', 'carcosa', ...home.operator], { input: 'n\n' }), 2);
  assert.match(no.out, /Certify this key\? \[y\/N\] /);
  assert.match(no.out, /nothing was certified/);
  assert.ok(!existsSync(home.path('store/config/trust.json')));
  const yes = ended(await offsiteOnTerminal(['trust', 'carcosa', ...home.operator], { input: 'y\n' }), 0);
  assert.match(yes.out, /certified carcosa [0-9A-F]{40}/);
});

test('backup and restore show progress with rate and time left on one line, which goes away', async () => {
  const full = ended(await offsiteOnTerminal(['backup', ...home.as('carcosa')]), 0);
  const to = ['--to', home.path('restored')];
  const restored = ended(await offsiteOnTerminal(['restore', 'latest', ...to, ...home.operator]), 0);
  for (const { out } of [full, restored]) {
    const drawn = out.split(CLEARED).slice(1);
    assert.ok(
      drawn.some((line) => /\d+ files? {2}[\d.]+ \w+ {2}[\d.]+ \w+\/s/.test(line)),
      out,
    );
    for (const line of drawn) assert.ok((line.split('\n')[0] ?? '').length < 100 || !line.includes('/s'), line);
    assert.ok(!/\/s[^\r]*$/.test(out), 'no progress is left standing');
  }
  assert.match(restored.out.replaceAll(CLEARED, '\n'), /\nrestored {2}\d+% .* ETA [\d.]+s/);
});

test('no progress with --quiet, with --json, or where stderr is no terminal', async () => {
  const quiet = ended(await offsiteOnTerminal(['backup', '--quiet', 'full', ...home.as('carcosa')]), 0);
  assert.equal(quiet.out, '');
  const json = ended(await offsiteOnTerminal(['verify', '--json', ...home.operator]), 0);
  assert.ok(!json.out.includes(ESCAPE));
  const piped = ended(await offsite(['backup', ...home.as('carcosa')]), 0);
  for (const code of ['\r', ESCAPE]) assert.ok(!(piped.out + piped.err).includes(code));
});

test('errors are colored on a terminal unless that is unwanted', async () => {
  const words = ['ls', 'nothing', ...home.operator];
  assert.ok((await offsiteOnTerminal(words)).out.includes(`${ESCAPE}[31merror:${ESCAPE}[0m `));
  assert.ok(!(await offsiteOnTerminal([...words, '--no-color'])).out.includes(ESCAPE));
  assert.ok(!(await offsiteOnTerminal(words, { env: { NO_COLOR: '1' } })).out.includes(ESCAPE));
});
