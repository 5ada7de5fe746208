/** What goes to a thread that reads content, and what comes back. */

import type { MessagePort } from 'node:worker_threads';
import type { Batch, BatchResult } from './batch.ts';
import type { CrewSettings } from './crew-settings.ts';
import type { SealedPart } from './parts.ts';

/** To the thread, in order; each is answered in this order. */
export type ThreadTask = { is: 'batch'; batch: Batch } | { is: 'close' } | { is: 'flush' };

/** From the thread. Parts come whenever one is full. */
export type ThreadReply =
  | { is: 'batch'; result: BatchResult }
  | { is: 'part'; part: Omit<SealedPart, 'bytes'> & { bytes: Uint8Array } }
  | { is: 'closed' }
  | { is: 'flushed' }
  | { is: 'failed'; code: string | null; message: string };

export interface ThreadSettings {
  readonly settings: CrewSettings;
  /** Parts that it may have in memory at once. */
  readonly memories: number;
  /** Where memory comes back that was uploaded. */
  readonly returned: MessagePort;
  /** One 32-bit number, which changes with every memory that comes back. */
  readonly returns: SharedArrayBuffer;
}
