/** What those who read content must know, and what they tell; see crew.ts. */

import { PartWriter } from '../../pgp/part-writer.ts';
import { SessionKey } from '../../pgp/session-key-value.ts';
import type { BatchResult } from './batch.ts';
import type { SharedChunks } from './chunk-table.ts';
import type { FrameOptions } from './frames.ts';
import { type PartSizes, partSizeOf } from './part-sizes.ts';
import { type PartPorts, type SealedPart, Sealer } from './parts.ts';

/** What every thread must know. Plain data; the session key is in it. */
export interface CrewSettings {
  readonly seed: Uint8Array;
  readonly chunks: SharedChunks;
  readonly frames: FrameOptions;
  readonly partSizes: PartSizes;
  /** One 32-bit number: the next part's. */
  readonly numbers: SharedArrayBuffer;
  readonly sessionKey: Uint8Array;
  readonly packets: Uint8Array;
}

export type CrewEvent =
  | { readonly is: 'batch'; readonly result: BatchResult }
  /** `release` gives the part's memory back. */
  | { readonly is: 'part'; readonly part: SealedPart; release(): void }
  /** Every frame that was open when this was asked for is closed, of one thread. */
  | { readonly is: 'closed' }
  /** One thread has sealed all it had. */
  | { readonly is: 'flushed' }
  | { readonly is: 'failed'; readonly error: Error };

/** What `BatchWork` needs, but for memory and the parts' way out. */
export function workPorts(settings: CrewSettings): Omit<PartPorts, 'takeMemory' | 'onSealed'> {
  const { sessionKey, packets, numbers, partSizes, frames } = settings;
  const key = new SessionKey(sessionKey);
  const drawn = new Int32Array(numbers);
  return {
    sealer: new Sealer(new PartWriter(key, packets), key, frames),
    drawNumber: () => Atomics.add(drawn, 0, 1),
    partSizeOf: (number) => partSizeOf(partSizes, number),
  };
}
