/**
 * The real GnuPG, for tests that prove that our keys, messages and signatures work with it: a home of its own for each
 * use, with a short path (its agent's socket name may not exceed 108 bytes), gone with its agent in the end.
 */

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { environmentVariable } from '../../system/environment.ts';

/**
 * The reason why tests with gpg are skipped, for the option `skip`; false where gpg is there. In CI they are never
 * skipped: they fail at their first call instead.
 */
export const gpgMissing: string | false = (() => {
  if (environmentVariable('CI') !== undefined) return false;
  return spawnSync('gpg', ['--version']).status === 0 ? false : 'gpg is not installed';
})();

export interface GpgResult {
  readonly status: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface GpgOptions {
  readonly input?: Uint8Array | string;
  /** Given on a descriptor of its own. */
  readonly passphrase?: string;
}

export class Gpg implements AsyncDisposable {
  readonly home: string = mkdtempSync(join(tmpdir(), 'gpg-'));

  /** Runs gpg and throws, with what it said, if it fails. */
  async run(args: string[], options: GpgOptions = {}): Promise<GpgResult> {
    const result = await this.attempt('gpg', args, options);
    if (result.status !== 0) throw new Error(`gpg ${args.join(' ')} exits ${result.status}: ${result.stderr}`);
    return result;
  }

  /** Runs gpg or gpgv and returns what came of it. */
  attempt(program: 'gpg' | 'gpgv', args: string[], options: GpgOptions = {}): Promise<GpgResult> {
    const common = program === 'gpgv' ? [] : ['--batch', '--no-tty', '--yes', '--trust-model', 'always'];
    const passphrase = options.passphrase ?? '';
    const secret = program === 'gpgv' ? [] : ['--pinentry-mode', 'loopback', '--passphrase-fd', '3'];
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...common, ...secret, ...args], {
        cwd: this.home,
        env: { ...process.env, GNUPGHOME: this.home, LC_ALL: 'C' },
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      });
      const stdout: Buffer[] = [];
      const stderr: Buffer[] = [];
      child.stdout.on('data', (data: Buffer) => stdout.push(data));
      child.stderr.on('data', (data: Buffer) => stderr.push(data));
      child.on('error', reject);
      child.on('close', (status) => {
        resolve({ status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
      });
      const secretPipe = child.stdio[3] as NodeJS.WritableStream;
      // gpg may be gone before it has read everything; its exit code says why.
      for (const pipe of [secretPipe, child.stdin]) pipe.on('error', () => {});
      secretPipe.end(passphrase);
      child.stdin.end(options.input ?? '');
    });
  }

  /** Writes a file into the home and returns its path. */
  file(name: string, content: Uint8Array | string): string {
    const path = join(this.home, name);
    writeFileSync(path, content);
    return path;
  }

  /** A new key of gpg's own, without passphrase; `algorithm` as `--quick-generate-key` takes it. Its fingerprint. */
  async generateKey(user: string, algorithm: string, ...more: string[]): Promise<string> {
    const { stderr } = await this.run([...more, '--quick-generate-key', user, algorithm, 'default', 'never']);
    const { stdout } = await this.run(['--with-colons', '--list-keys', `=${user}`]);
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(stdout.toString())?.[1];
    if (fingerprint === undefined) throw new Error(`gpg made no key for ${user}: ${stderr}`);
    return fingerprint;
  }

  /** Ends the agent and removes the home. The agent removes files itself while it ends, so it may take some tries. */
  async [Symbol.asyncDispose](): Promise<void> {
    spawnSync('gpgconf', ['--kill', 'all'], { env: { ...process.env, GNUPGHOME: this.home } });
    for (let tries = 0; existsSync(this.home); tries++) {
      if (tries === 3000) throw new Error(`${this.home} cannot be removed`);
      if (tries > 0) await setTimeout(20);
      rmSync(this.home, { recursive: true, force: true });
    }
  }
}
