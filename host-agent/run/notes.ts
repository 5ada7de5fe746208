/** The notes that a run leaves beside its manifest: begun, alive, skipped. */

import { isOffsiteError, OffsiteError } from '../../contract/errors.ts';
import { instantText, sha256Hex } from '../../contract/ids.ts';
import { objectKey } from '../../contract/keys.ts';
import { aliveKind, startedKind } from '../../contract/run-notes.ts';
import { mayBeOwnDoing } from '../../store/retry.ts';
import { every } from '../../system/clock.ts';
import type { RunMemory } from '../state/ledger.ts';
import type { AgentPorts, BackupOptions } from './asked.ts';
import type { Progress } from './store-run.ts';

const HOUR = 3_600_000;
/** A run is alive for 48 hours at most in one attempt, and has few attempts. */
const MAX_EARLIER_NOTES = 500;
/** Of what can be written down: a clock that was set while the run went on leads anywhere. */
const LAST_INSTANT = Date.parse('9999-12-31T23:59:59Z');

/** True where this call put the note, or an earlier try of it may have; false where it was there. */
export async function putNote(
  kind: 'skipped' | 'started',
  set: string,
  run: string,
  note: object,
  ports: AgentPorts,
): Promise<boolean> {
  const key = objectKey({ kind, prefix: ports.identity.prefix, set, run });
  try {
    await ports.store.put(key, Buffer.from(`${JSON.stringify(note)}\n`), { condition: 'absent' });
    return true;
  } catch (error) {
    if (mayBeOwnDoing(error)) return true;
    if (error instanceof OffsiteError && error.code === 'store-exists') return false;
    throw error;
  }
}

/** Notes the run on the host, then in the store. False where the store knows it and this host did not begin it. */
export async function begin(
  options: BackupOptions,
  run: string,
  now: Date,
  memory: RunMemory,
  ports: AgentPorts,
): Promise<boolean> {
  const isResumed = memory.current()?.run === run;
  await memory.writeCurrent(run, instantText(now));
  const deadline = options.asked === null ? null : instantText(options.asked.deadline);
  const note = { type: startedKind.type, format: 1, run, at: instantText(now), deadline };
  const isFirst = await putNote('started', options.set, run, note, ports);
  if (!isFirst && !isResumed) {
    await memory.removeCurrent();
    return false;
  }
  if (isResumed) ports.notice(`run ${run} was begun by an earlier agent: it is continued`);
  else await ports.clock.sleep(splayOf(options, ports) * 1000, ports.signal);
  return true;
}

/** Hosts of one batch spread their starts by their own name. */
function splayOf({ asked }: BackupOptions, { host }: AgentPorts): number {
  if (asked === null || asked.splay === 0) return 0;
  return Number.parseInt(sha256Hex(host).slice(0, 8), 16) % asked.splay;
}

/** Says every hour how far a long run is, and when it may end; nothing depends on it. */
export function reportAlive({ set }: BackupOptions, run: string, ports: AgentPorts) {
  const { store, clock, identity } = ports;
  const began = clock.now().getTime();
  let latest: Progress | null = null;
  let number = 0;
  const put = async () => {
    const at = clock.now();
    const bytes = latest?.bytes ?? 0;
    const note = { type: aliveKind.type, format: 1, run, at: instantText(at), bytes, eta: etaOf(latest, began, at) };
    // An earlier attempt of the run may have left some.
    for (let tries = 0; tries < MAX_EARLIER_NOTES; tries++) {
      const key = objectKey({ kind: 'alive', prefix: identity.prefix, set, run, number: ++number });
      try {
        await store.put(key, Buffer.from(`${JSON.stringify(note)}\n`), { condition: 'absent' });
        return;
      } catch (error) {
        if (!isOffsiteError(error, 'store-exists')) return;
      }
    }
  };
  const stop = every(HOUR, () => void put());
  const onProgress = (progress: Progress) => {
    latest = progress;
    ports.onProgress(progress);
  };
  return { onProgress, stop };
}

/** By what the base had, as if the rest went as fast; null where nobody can tell. */
function etaOf(progress: Progress | null, began: number, now: Date): string | null {
  if (progress === null || progress.expectedBytes === null || progress.bytes === 0) return null;
  const left = Math.max(0, progress.expectedBytes - progress.bytes) / progress.bytes;
  const end = now.getTime() + (now.getTime() - began) * left;
  return end > LAST_INSTANT ? null : instantText(new Date(end));
}
