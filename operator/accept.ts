import { OffsiteError } from '../contract/errors.ts';
import type { PrivateKey } from '../pgp/keys.ts';
import { writeAcceptance } from '../repository/acceptance.ts';
import { type Believing, type RunQuery, selectRun } from '../repository/select-run.ts';

/**
 * Signs that a suspect run is good, and puts that beside it. Throws `usage` where the run is not suspect, or what
 * selecting it throws.
 */
export async function acceptRun(
  believing: Believing,
  query: RunQuery,
  because: string,
  signing: { key: PrivateKey; now: Date },
): Promise<{ host: string; set: string; run: string; because: string }> {
  if (query.run === 'latest') throw new OffsiteError('usage', 'name the run: latest is never a suspect one');
  const { manifest, payloadHash } = await selectRun(believing, query);
  const { prefix, set, run, name: host, outcome } = manifest;
  if (outcome !== 'suspect')
    throw new OffsiteError('usage', `run ${run} is ${outcome}, not suspect: nothing to accept`);
  await writeAcceptance(believing.store, { prefix, set, run, payload: payloadHash, because }, signing);
  return { host, set, run, because };
}
