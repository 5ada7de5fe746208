/** One host, a store and an operator key in a folder of their own, driven by the real command. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OFFSITE = fileURLToPath(new URL('../../bin/offsite', import.meta.url));

export interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Peak resident size in bytes, as the kernel counted it. */
  readonly peak: number;
}

export class Host implements Disposable {
  readonly work: string = mkdtempSync(join(tmpdir(), 'offsite-host-'));
  readonly store: string = `file://${join(this.work, 'store')}`;
  readonly key: string = join(this.work, 'operator/private.asc');
  readonly config: string = join(this.work, 'config.yml');

  /** A host with one set `data` of these paths, whose key is certified. */
  constructor(paths: readonly string[], set: object = {}) {
    this.run([
      'keys',
      'generate',
      '--name',
      'Test',
      '--email',
      'test@example.org',
      '--out',
      join(this.work, 'operator'),
    ]);
    const recipient = join(this.work, 'operator/public.asc');
    const state = join(this.work, 'state');
    this.run(['init', '--host', 'h1', '--store', this.store, '--recipient', recipient, '--state', state]);
    this.configure({ data: { paths, ...set } });
    this.run(['trust', 'h1', '--yes', '--key', this.key]);
  }

  /** Replaces the sets of the config. */
  configure(sets: object): void {
    const value = {
      host: 'h1',
      store: this.store,
      recipients: [join(this.work, 'operator/public.asc')],
      identity: join(this.work, 'state/identity'),
      state: join(this.work, 'state'),
      sets,
    };
    writeFileSync(this.config, JSON.stringify(value));
  }

  /** Runs a command; throws unless it ends with `expect` (0). */
  run(args: readonly string[], expect = 0): Ran {
    const env = { ...process.env, OFFSITE_CONFIG: this.config, OFFSITE_KEY: '', OFFSITE_STORE: '' };
    // The shell's child is the launcher, which becomes node: its peak is what the kernel says of the shell's children.
    const script =
      'import resource,subprocess,sys\nr=subprocess.run(sys.argv[1:])\nsys.stderr.write("\\npeak %d" % resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\nsys.exit(r.returncode)';
    const { status, stdout, stderr } = spawnSync('python3', ['-c', script, OFFSITE, ...args], {
      env,
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    const [words = '', peak = '0'] = stderr.split('\npeak ');
    if (status !== expect) throw new Error(`offsite ${args.join(' ')} ended with ${status}, not ${expect}:\n${words}`);
    return { status, stdout, stderr: words, peak: Number(peak) * 1024 };
  }

  /** One run of the set, as `--json` tells of it. */
  backup(args: readonly string[] = [], expect = 0): Ran & { json: Record<string, unknown> } {
    const ran = this.run(['backup', '--json', ...args], expect);
    return { ...ran, json: JSON.parse(ran.stdout).runs[0] };
  }

  restore(to: string, run = 'latest'): Ran {
    return this.run(['restore', run, '--host', 'h1', '--set', 'data', '--key', this.key, '--to', to]);
  }

  /** Bytes of all objects in the store. */
  storedBytes(): number {
    const store = join(this.work, 'store');
    return readdirSync(store, { recursive: true, encoding: 'utf8' })
      .map((name) => statSync(join(store, name)))
      .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
  }

  manifestOf(run: string): Record<string, unknown> {
    const file = join(this.work, 'store/runs/h1/data', run, 'manifest.json');
    return JSON.parse(Buffer.from(JSON.parse(readFileSync(file, 'utf8')).payload, 'base64').toString('utf8'));
  }

  [Symbol.dispose](): void {
    rmSync(this.work, { recursive: true, force: true });
  }
}
