import { join } from 'node:path';
import { OffsiteError } from '../../contract/errors.ts';
import { randomRunId } from '../../contract/ids.ts';
import { discarding } from '../../store/discard.ts';
import { secureRandom } from '../../system/random.ts';
import { RunTally } from '../engine/tally.ts';
import { makeFolder, removeFolder } from '../state/files.ts';
import { RunMemory } from '../state/ledger.ts';
import { StateFolder } from '../state/state.ts';
import { type AgentPorts, type BackupOptions, publisherOf, setFolder } from './asked.ts';
import { beginAttempt } from './attempt.ts';
import { manifestOf, type RunHead } from './manifest.ts';
import type { RunResult } from './outcome.ts';
import { planRun } from './plan.ts';
import { positionAlone } from './position.ts';
import { encodeManifest } from './publish.ts';
import { storeRun } from './store-run.ts';

/**
 * What a run would do: scans, reads and counts, and writes nothing to the store and nothing that lasts to the host.
 * Scripts and commands are not run.
 */
export async function dryRun(options: BackupOptions, ports: AgentPorts): Promise<RunResult> {
  const { identity, config } = ports;
  const set = config.sets[options.set];
  if (set === undefined) throw new OffsiteError('config-invalid', `no set ${options.set} in the config`);
  const started = ports.clock.now();
  const run = randomRunId(started, secureRandom(6));
  const of = { prefix: identity.prefix, set: options.set };
  const recipients = ports.recipients.map(({ fingerprint }) => fingerprint).sort();
  const memory = new RunMemory(setFolder(config, options.set), publisherOf(ports));
  const position = await positionAlone(
    { store: ports.store, anchor: ports.recipients.slice(0, 1), signer: identity.signingKey.fingerprint },
    of,
    memory.ledger(),
  );
  const states = new StateFolder(join(setFolder(config, options.set), 'states'));
  const plan = await planRun({ ...of, type: options.type, recipients, now: started }, position, { states, config });
  const folder = join(setFolder(config, options.set), 'dry-run');
  makeFolder(folder);
  try {
    const nowhere = discarding(ports.store.url);
    const place = { ...of, run };
    const attemptOf = { ...place, start: started, recipients: ports.recipients, extraVerify: options.extraVerify };
    const attempt = await beginAttempt(attemptOf, plan, { store: nowhere, folder, mayRead: false });
    const tally = new RunTally(ports.onWarning);
    const { onProgress, signal, agent } = ports;
    const stored = await storeRun(
      {
        place,
        config,
        set,
        seed: await identity.seedOf(options.set),
        stage: null,
        scripts: [],
        folder,
        never: [config.state, ...ports.never],
        plan,
        attempt,
        tally,
        extraVerify: options.extraVerify,
        onProgress,
        signal,
      },
      { store: nowhere, states: new StateFolder(join(folder, 'states')) },
    );
    await attempt.journal.close();
    const head: RunHead = {
      name: ports.host,
      ...place,
      policy: null,
      due: null,
      started,
      agent,
      recipients,
      config: set,
    };
    const { outcome, gates } = stored;
    const found = { outcome, gates, scripts: [], tally, finished: ports.clock.now() };
    const { manifest } = encodeManifest(manifestOf(head, plan, position, stored.stored, found));
    return { set: options.set, run: null, outcome: 'dry-run', manifest, error: null };
  } finally {
    await removeFolder(folder);
  }
}
