/** A repository that the real command line made of a source with everything in it that is hard to restore. */

import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { environmentVariable } from '../../system/environment.ts';

const OFFSITE = new URL('../../bin/offsite', import.meta.url).pathname;

/**
 * The reason why a test that needs these programs is skipped, for the option `skip`; false where all are there. In CI
 * it is never skipped: it fails at the first call instead.
 */
export function missingPrograms(...programs: string[]): string | false {
  if (environmentVariable('CI') !== undefined) return false;
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing.length === 0 ? false : `not installed: ${missing.join(', ')}`;
}

/** What is found of one file: everything that a restore has to bring back. */
type Found = Record<string, string | number | bigint | undefined>;
/** By path below the top, one character a byte. */
export type Tree = Record<string, Found>;

/** Everything below a directory. Further names of a file say which one is its first. */
export function treeOf(top: string): Tree {
  const tree: Tree = {};
  const firstNames = new Map<bigint, string>();
  const walk = (directory: Buffer, path: string) => {
    for (const name of readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const file = Buffer.concat([directory, Buffer.from('/'), name]);
      const own = path + name.toString('latin1');
      const stat = lstatSync(file, { bigint: true });
      const about: Found = { mode: Number(stat.mode).toString(8), uid: stat.uid, gid: stat.gid, mtime: stat.mtimeNs };
      if (stat.isSymbolicLink()) about.target = readlinkSync(file, { encoding: 'buffer' }).toString('latin1');
      if (stat.isFile()) {
        about.size = stat.size;
        about.content = createHash('sha256').update(readFileSync(file)).digest('hex');
        if (stat.nlink > 1n) {
          if (!firstNames.has(stat.ino)) firstNames.set(stat.ino, own);
          about.link = firstNames.get(stat.ino);
        }
      }
      tree[own] = about;
      if (stat.isDirectory()) walk(file, `${own}/`);
    }
  };
  walk(Buffer.from(top), '');
  return tree;
}

/** Paths of two trees that are not the same, with what is found under them. */
export function differences(actual: Tree, expected: Tree): [path: string, actual: string, expected: string][] {
  const show = (found: Found | undefined) => inspect(found, { breakLength: Number.POSITIVE_INFINITY });
  const paths = new Set([...Object.keys(actual), ...Object.keys(expected)]);
  return [...paths]
    .map((path): [string, string, string] => [path, show(actual[path]), show(expected[path])])
    .filter(([, one, other]) => one !== other);
}

export class RealRepository implements Disposable {
  /** Without symbolic links in it, so that it is the same path in a listing. */
  readonly root: string = realpathSync(mkdtempSync(join(tmpdir(), 'recover-')));
  readonly store: string = join(this.root, 'store');
  readonly source: string = join(this.root, 'source');
  readonly publicKey: string = join(this.root, 'keys/public.asc');
  readonly privateKey: string = join(this.root, 'keys/private.asc');
  readonly passphraseFile: string = join(this.root, 'passphrase');

  /** Keys, a host with a certified key, and a source. The private key is locked. */
  constructor() {
    writeFileSync(this.passphraseFile, 'open sesame\n');
    const user = ['--name', 'Jo Doe', '--email', 'jo@example.org', '--passphrase-file', this.passphraseFile];
    this.offsite('keys', 'generate', ...user, '--out', join(this.root, 'keys'));
    const init = ['--recipient', this.publicKey, '--host', 'carcosa', '--state', join(this.root, 'state')];
    this.offsite('init', '--store', `file://${this.store}`, ...init, '--path', this.source);
    // So that the big file does not fit in one part.
    appendFileSync(join(this.root, 'config.yml'), 'partSize: 8MiB\n');
    this.offsite('trust', 'carcosa', '--key', this.privateKey, '--yes');
    makeSource(this.source);
  }

  /** Runs the command line and returns what it printed. Throws where it does not exit with `status`. */
  offsite(...args: string[]): string {
    return this.offsiteExpecting(0, ...args);
  }

  offsiteExpecting(status: number, ...args: string[]): string {
    const env = {
      ...process.env,
      OFFSITE_CONFIG: join(this.root, 'config.yml'),
      OFFSITE_PASSPHRASE_FILE: this.passphraseFile,
    };
    const result = spawnSync(OFFSITE, args, { env, encoding: 'utf8' });
    if (result.status !== status) throw new Error(`offsite ${args.join(' ')} exits ${result.status}: ${result.stderr}`);
    return result.stdout;
  }

  /** Backs up; the run's id. */
  backup(status = 0): string {
    const { runs } = JSON.parse(this.offsiteExpecting(status, 'backup', '--json')) as { runs: { run: string }[] };
    return runs[0]?.run ?? '';
  }

  /** What a restore of the source into `target` has put there. */
  restored(target: string): Tree {
    return treeOf(join(target, this.source));
  }

  /** A copy of the store, to be damaged. */
  copyOfStore(name: string): string {
    const copy = join(this.root, name);
    const result = spawnSync('cp', ['-R', this.store, copy]);
    if (result.status !== 0) throw new Error(`cp: ${result.stderr}`);
    return copy;
  }

  [Symbol.dispose](): void {
    // A directory in it forbids even its owner to write.
    spawnSync('chmod', ['-R', 'u+rwX', this.root]);
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Bytes that no compressor makes smaller, the same ones every time. */
function noise(length: number, seed: string): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let block = createHash('sha512').update(seed).digest();
  for (let at = 0; at < length; at += block.copy(bytes, at)) block = createHash('sha512').update(block).digest();
  return bytes;
}

const inFolder = (folder: string, name: Uint8Array | string) =>
  Buffer.concat([Buffer.from(`${folder}/`), typeof name === 'string' ? Buffer.from(name) : name]);

function makeSource(source: string): void {
  const odd = join(source, 'odd names');
  mkdirSync(odd, { recursive: true });
  const names = [
    'with  spaces ',
    'new\nline',
    '\nnewlines\n',
    'back\\slash \\0141',
    'tab\t',
    '-n',
    'ünï ☃ 𝄞',
    '*',
    '$(x)',
  ];
  for (const name of [...names, 'x'.repeat(255), Uint8Array.of(0x6e, 0xff, 0xe9, 0x0a, 0x80)]) {
    writeFileSync(inFolder(odd, name), `in ${Buffer.from(name).toString('hex')}`);
  }
  mkdirSync(inFolder(odd, Uint8Array.of(0xfe, 0x64)));
  writeFileSync(inFolder(odd, Uint8Array.of(0xfe, 0x64, 0x2f, 0xfd)), 'bytes in bytes');
  symlinkSync('../big', join(odd, 'link'));
  symlinkSync(Buffer.from('nowhere \n\xff\\', 'latin1'), join(odd, 'dangling'));
  lutimesSync(join(odd, 'dangling'), 1_000_000_000, 1_000_000_000.25);

  writeFileSync(join(source, 'empty'), '');
  writeFileSync(join(source, 'big'), noise(10 * 2 ** 20 + 12_345, 'big'));
  writeFileSync(join(source, 'before 1970'), 'old');
  utimesSync(join(source, 'before 1970'), '-1000.75', '-1000.75');
  writeFileSync(join(source, 'script'), '#!/bin/sh\n', { mode: 0o755 });
  writeFileSync(join(source, 'set-id'), '', { mode: 0o755 });
  chmodSync(join(source, 'set-id'), 0o6755);
  writeFileSync(join(source, 'of others'), 'theirs');
  symlinkSync('nowhere', join(source, 'link of others'));
  if (process.getuid?.() === 0) {
    for (const name of ['of others', 'link of others']) lchownSync(join(source, name), 12_345, 54_321);
    chmodSync(join(source, 'of others'), 0o4711);
  }
  writeFileSync(join(source, 'read-only'), 'r', { mode: 0o400 });

  mkdirSync(join(source, 'many/deep/deeper'), { recursive: true });
  for (let i = 0; i < 150; i++) writeFileSync(join(source, 'many/deep', `file ${i}`), `content ${i} `.repeat(i % 50));
  linkSync(join(source, 'many/deep/file 7'), join(source, 'another name'));
  linkSync(join(source, 'many/deep/file 7'), join(source, 'many/deep/deeper/third name'));

  const sparse = openSync(join(source, 'sparse'), 'w');
  ftruncateSync(sparse, 5 * 2 ** 20);
  writeSync(sparse, noise(300_000, 'sparse'), 0, 300_000, 2 ** 20);
  writeSync(sparse, 'end of data', 3 * 2 ** 20);
  const hole = openSync(join(source, 'nothing but a hole'), 'w');
  ftruncateSync(hole, 2 ** 20);
  const fifo = spawnSync('mkfifo', [join(source, 'fifo')]);
  if (fifo.status !== 0) throw new Error(`mkfifo: ${fifo.stderr}`);
  chmodSync(join(source, 'many/deep/deeper'), 0o500);
  chmodSync(join(source, 'many'), 0o1770);
}

/** What happens between two backups. */
export function changeSource(source: string): void {
  appendFileSync(join(source, 'many/deep/file 3'), 'more');
  writeFileSync(join(source, 'many/deep/new'), 'new');
  unlinkSync(join(source, 'many/deep/file 5'));
  renameSync(join(source, 'many/deep/file 6'), join(source, 'many/deep/renamed'));
  chmodSync(join(source, 'script'), 0o700);
  const big = openSync(join(source, 'big'), 'r+');
  writeSync(big, 'changed in the middle', 6 * 2 ** 20);
}

export function run(program: string, args: string[], env: NodeJS.ProcessEnv = {}): SpawnSyncReturns<string> {
  return spawnSync(program, args, { env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
}
