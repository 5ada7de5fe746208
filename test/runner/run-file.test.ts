/** The runner against files that fail in every way a file can: none may pass for a success, and none may hang it. */

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { isRunning } from '../../system/process.ts';
import { type FileResult, runFile } from './run-file.ts';
import { countLine, describeAll, describeFile } from './summary.ts';

const folder = mkdtempSync(join(tmpdir(), 'offsite-runner-'));
after(() => rmSync(folder, { recursive: true, force: true }));

let planted = 0;
function plant(source: string): string {
  const file = join(folder, `${++planted}.test.mjs`);
  writeFileSync(file, `import { before, describe, it, test } from 'node:test';\n${source}\n`);
  return file;
}
const run = (source: string, options: { timeout?: number; only?: string; signal?: AbortSignal } = {}) =>
  runFile(plant(source), { timeout: 60_000, ...options });
const failures = ({ failed }: FileResult) => failed.map(({ name, error }) => `${name}: ${error}`).join('\n');

describe('a file', () => {
  it('of tests that hold', async () => {
    const result = await run("describe('a', () => { it('b', () => {}); it('c', () => {}) }); test('d', () => {})");
    assert.deepEqual([result.passed, result.failed, result.skipped], [3, [], []]);
  });

  it('with failures, each named by its whole path and once', async () => {
    const result = await run(`
      test('a', async (t) => { await t.test('b', () => { throw new Error('boom') }) });
      describe('c', () => { it('d', () => { throw new TypeError('bang') }); it('e', () => {}) })`);
    assert.deepEqual(
      result.failed.map(({ name }) => name),
      ['a > b', 'c > d'],
    );
    assert.match(failures(result), /Error: boom\n[\s\S]*TypeError: bang/);
    assert.equal(result.passed, 1);
  });

  it('with skipped tests, and why', async () => {
    const { skipped, passed, failed } = await run(`
      it('a', { skip: 'no gpg' }, () => {}); it('b', { skip: true }, () => {}); it.todo('c');
      test('d', (t) => t.skip('later')); describe('e', { skip: 'whole' }, () => it('f', () => {}));
      it('g', { todo: 'soon' }, () => { throw new Error('not yet') });`);
    const reasons = ['no gpg', 'no reason given', 'to do', 'later', 'whole', 'to do: soon'];
    assert.deepEqual(
      skipped.map(({ reason }) => reason),
      reasons,
    );
    assert.deepEqual([passed, failed], [0, []]);
  });

  const BAD: [why: string, source: string, says: RegExp][] = [
    ['that throws before its tests', "throw new Error('at import')", /exit code 1/],
    ['that cannot be read', 'const = 1', /exit code 1/],
    ['without tests', '', /the file: (?:has no tests|ended before)/],
    [
      'that ends the process with success in the middle',
      "test('a', () => process.exit(0)); test('b', () => {})",
      /ended before/,
    ],
    ['that ends the process before its tests', 'process.exit(0)', /ended before its tests did/],
    ['that ends by a signal', "test('a', () => process.kill(process.pid, 'SIGKILL'))", /was ended by SIGKILL/],
    [
      'whose hook fails',
      "describe('a', () => { before(() => { throw new Error('hook') }); it('b', () => {}) })",
      /a: Error: hook/,
    ],
    [
      'in which something fails after its tests',
      "test('a', () => { setTimeout(() => { throw new Error('late') }, 50) })",
      /late/,
    ],
    ['that sets an exit code', "test('a', () => { process.exitCode = 7 })", /exit code/],
  ];
  for (const [why, source, says] of BAD) {
    it(`${why} is a failure`, async () => assert.match(failures(await run(source)), says));
  }

  it('that hangs is killed, and the test named', async () => {
    const result = await run("test('a', () => {}); test('b', () => new Promise(() => setInterval(() => {}, 1e6)))", {
      timeout: 5000,
    });
    assert.match(failures(result), /the file: did not end within 5 s and was killed\nbegun and not ended: b$/);
    assert.equal(result.passed, 1);
  });

  it('that never gives way is killed', async () => {
    assert.match(failures(await run("test('a', () => { for (;;); })", { timeout: 1500 })), /did not end within/);
  });

  it('takes what it started with it', async () => {
    const pidFile = join(folder, 'pid');
    const source = `import { spawn } from 'node:child_process'; import { writeFileSync } from 'node:fs';
      test('a', () => { const child = spawn('sleep', ['300'], { stdio: 'inherit' }); child.unref();
        writeFileSync(${JSON.stringify(pidFile)}, String(child.pid)) })`;
    assert.deepEqual((await run(source)).failed, []);
    const pid = Number(readFileSync(pidFile, 'utf8'));
    for (let tries = 0; isRunning({ pid, started: '', boot: '' }); tries++) {
      assert.ok(tries < 3000, `process ${pid} still runs`);
      await setTimeout(20);
    }
  });

  it('is killed where the runner is stopped', async () => {
    const stop = new AbortController();
    const running = run("test('a', () => new Promise(() => setInterval(() => {}, 1e6)))", { signal: stop.signal });
    stop.abort();
    assert.match(failures(await running), /interrupted/);
  });

  it('may be asked for some tests only', async () => {
    const source = "test('apple', () => {}); test('pear', () => { throw new Error() })";
    assert.deepEqual(
      [(await run(source, { only: 'apple' })).passed, (await run(source, { only: 'fig' })).failed],
      [1, []],
    );
  });
});

describe('what is printed', () => {
  const result = (change: Partial<FileResult>): FileResult => {
    return { file: '/r/test/a.test.ts', milliseconds: 1234, passed: 2, failed: [], skipped: [], output: '', ...change };
  };
  const bad = { failed: [{ name: 'a > b', error: 'Error: boom' }], output: 'hello\n' };

  it('of a file is a line, and more where it fails', () => {
    assert.equal(describeFile(result({ output: 'hello' }), '/r'), 'ok      1.2 s  test/a.test.ts (2 tests)');
    assert.equal(
      describeFile(result(bad), '/r'),
      'FAIL    1.2 s  test/a.test.ts (3 tests)\n  failed: a > b\n    Error: boom\n  it printed:\n    hello\n',
    );
  });

  it('in the end is the slowest files, what was skipped and why, what failed, and the count', () => {
    const skipped = [{ name: 'c', reason: 'no gpg' }];
    const text = describeAll(
      [result({}), result({ ...bad, file: '/r/test/b.test.ts', milliseconds: 5000, skipped })],
      '/r',
    );
    assert.equal(
      text,
      `
slowest:
     5.0 s  test/b.test.ts
     1.2 s  test/a.test.ts

skipped (no gpg):
  test/b.test.ts: c

failed:
  test/b.test.ts: a > b

4 passed, 1 failed, 1 skipped`,
    );
    assert.equal(countLine([result({})]), '2 passed, 0 failed');
  });
});

describe('the runner as a command', () => {
  const command = (...words: string[]) => {
    const { status, stdout } = spawnSync(process.execPath, [join(import.meta.dirname, '../run.ts'), ...words], {
      encoding: 'utf8',
    });
    return [status, stdout.trimEnd().split('\n').at(-1)];
  };

  it('succeeds where tests ran and held', () => {
    assert.deepEqual(command(plant("test('a', () => {})")), [0, '1 passed, 0 failed']);
  });

  it('fails where one failed, and where none ran', () => {
    assert.deepEqual(command(plant("test('a', () => { throw new Error() })")), [1, '0 passed, 1 failed']);
    assert.deepEqual(command(plant("test('a', { skip: 'x' }, () => {})")), [1, '0 passed, 0 failed, 1 skipped']);
    assert.deepEqual(command(plant("test('a', () => {})"), '--name', 'none'), [1, '0 passed, 0 failed']);
  });

  it('fails where a path has no tests', () => {
    mkdirSync(join(folder, 'empty'), { recursive: true });
    for (const path of [join(folder, 'gone.test.ts'), join(folder, 'empty'), 'test/nothing']) {
      assert.deepEqual(command(path), [1, '0 passed, 0 failed']);
    }
  });
});
