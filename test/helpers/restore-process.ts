/**
 * A restore in a process of its own, for tests that kill it or run it without rights. Run as a program:
 * `restore-process.ts STORE KEYFILE RUN TARGET [WORKERS]`; prints the report as JSON.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BytePath } from '../../contract/byte-path.ts';
import { planRestore, type RestoreReport, restore } from '../../host-agent/restore.ts';
import { readPrivateKey } from '../../pgp/keys.ts';
import { ManifestReader } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { openStore } from '../../store/wire.ts';
import type { SyntheticHost } from './synthetic-run.ts';

/** Copies a host's store into a folder, with the operator's key beside it, for other processes of any user. */
export async function publish(host: SyntheticHost, folder: string): Promise<{ store: string; key: string }> {
  const store = await openStore(`file://${folder}`, { create: true });
  for await (const { key } of host.store.list('')) {
    await store.put(key, (await host.store.get(key)).body, { condition: 'absent' });
  }
  spawnSync('chmod', ['-R', 'a+rX', folder]);
  const key = join(folder, '..', 'operator.asc');
  writeFileSync(key, host.operator.armored);
  chmodSync(key, 0o644);
  return { store: `file://${folder}`, key };
}

interface Job {
  store: string;
  key: string;
  run: string;
  target: string;
  workers?: number;
  /** Paths to restore; all if empty. */
  paths?: string[];
}

/** Starts it; `prefix` are words to put before, like `setpriv …`. */
export function startRestore(job: Job, options: { uid?: number; gid?: number; umask?: string } = {}): ChildProcess {
  const { umask, ...ids } = options;
  const command = [process.execPath, fileURLToPath(import.meta.url), JSON.stringify(job)];
  const [program = '', ...words] =
    umask === undefined ? command : ['sh', '-c', `umask ${umask}; exec "$0" "$@"`, ...command];
  return spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'], cwd: '/', ...ids });
}

/** Runs it to its end. */
export async function finishRestore(child: ChildProcess): Promise<RestoreReport> {
  let text = '';
  child.stdout?.on('data', (data: Buffer) => {
    text += data.toString();
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error(`the restore ended with ${status}`);
  return JSON.parse(text) as RestoreReport;
}

if (import.meta.main) {
  const job = JSON.parse(process.argv[2] ?? '') as Job;
  const store = await openStore(job.store);
  const key = await readPrivateKey(readFileSync(job.key), job.key);
  const manifests = new ManifestReader(store, null);
  const signed = await manifests.read({ prefix: 'carcosa', set: 'data', run: job.run });
  const reader = new RunReader({ store, manifests, key }, signed);
  const plan = await planRestore(reader, (job.paths ?? []) as BytePath[]);
  const report = await restore({ reader, plan, target: job.target, workers: job.workers ?? 0 });
  process.stdout.write(JSON.stringify(report));
}
