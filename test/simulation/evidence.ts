/**
 * Evidence for simulations: manifests lie in the store as plain JSON and count as signed by a certified key. Signatures
 * cost milliseconds each, and years of thousands of hosts have hundreds of thousands; they are tested elsewhere.
 */

import { isOffsiteError } from '../../contract/errors.ts';
import { objectKey } from '../../contract/keys.ts';
import type { Manifest } from '../../contract/manifest.ts';
import type { EvidenceSource } from '../../functions/ports/evidence.ts';
import type { RunPlace } from '../../repository/manifests.ts';
import type { ObjectStore } from '../../store/port.ts';

export const SIGNER = 'A'.repeat(40);

export class PlainEvidence implements EvidenceSource {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  async manifest(place: RunPlace): ReturnType<EvidenceSource['manifest']> {
    const key = objectKey({ kind: 'manifest', ...place });
    const object = await this.#store.get(key).catch(nothing);
    if (object === null) return { state: 'absent' };
    const manifest = JSON.parse(object.body.toString()) as Manifest;
    return {
      state: 'valid',
      signed: {
        ...{ key, manifest, signer: SIGNER, certification: { state: 'certified' }, received: object.lastModified },
        payloadHash: object.sha256 ?? '',
      },
    };
  }

  /** The hosts of simulations put no parts, and name none. */
  async objects(): ReturnType<EvidenceSource['objects']> {
    return new Map();
  }

  async sources({ prefix, set, sources }: Manifest): ReturnType<EvidenceSource['sources']> {
    const answers: Awaited<ReturnType<EvidenceSource['sources']>> = new Map();
    for (const [, run, payload] of sources) {
      if (payload === null) continue;
      const info = await this.#store.head(objectKey({ kind: 'manifest', prefix, set, run })).catch(nothing);
      answers.set(run, info === null ? { state: 'absent' } : { state: 'present', payload: info.sha256 ?? '' });
    }
    return answers;
  }

  async acceptance({ prefix, set, run }: RunPlace): ReturnType<EvidenceSource['acceptance']> {
    const object = await this.#store.get(objectKey({ kind: 'accepted', prefix, set, run })).catch(nothing);
    if (object === null) return { state: 'absent' };
    return { state: 'valid', acceptance: JSON.parse(object.body.toString()) };
  }
}

function nothing(error: unknown): null {
  if (isOffsiteError(error, 'store-absent')) return null;
  throw error;
}
