import type { Clock } from '../system/clock.ts';
import { openDirectoryStore } from './directory.ts';
import { limited } from './limit.ts';
import type { ObjectStore } from './port.ts';
import { putOnly } from './put-only.ts';
import { type Retry, retried } from './retry.ts';
import { UploadRate } from './upload-rate.ts';
import { parseStoreUrl } from './url.ts';

export interface StoreOptions {
  readonly clock?: Clock;
  /** Operations under way at once; default 8. */
  readonly concurrency?: number;
  /** Milliseconds that one operation waits for a failing store in all before it gives up; default 60,000. */
  readonly patience?: number;
  /** Bytes per second of all puts together; 0, the default, is no limit. */
  readonly limitUpload?: number;
  /** Once it is aborted, puts that the limit holds up fail: `interrupted`. */
  readonly signal?: AbortSignal;
  /** Told before each wait for a failing store. */
  readonly onRetry?: (retry: Retry) => void;
  /** Make a directory a store if it is none yet, for `offsite init`. No bucket is ever made. */
  readonly create?: boolean;
  /** Deny everything but creating objects under these prefixes: the store as a host with a job sees it. */
  readonly putOnly?: readonly string[];
}

const CONCURRENCY = 8;

/**
 * Opens the store of a URL; the one place that composes adapters and wrappers. From the inside: adapter (which keeps to
 * the limit of uploads, piece by piece), retry, limit, put-only. An operation that waits for another try keeps its slot, so a store in trouble is not pressed by the others.
 *
 * `store-url` if the URL is not understood, `store-absent` if a directory is not there. A bucket is first met when
 * it is used, and the SDK is loaded only for one.
 */
export async function openStore(url: string, options: StoreOptions = {}): Promise<ObjectStore> {
  const adapter = await openAdapter(url, options);
  const store = limited(retried(adapter, options), options.concurrency ?? CONCURRENCY);
  return options.putOnly === undefined ? store : putOnly(store, options.putOnly);
}

async function openAdapter(url: string, options: StoreOptions): Promise<ObjectStore> {
  const location = parseStoreUrl(url);
  const { limitUpload = 0, signal } = options;
  const rate = limitUpload === 0 ? undefined : new UploadRate(limitUpload, { signal });
  if (location.kind === 'directory') return await openDirectoryStore(location.folder, { ...options, rate });
  const { openS3Store } = await import('./s3.ts');
  return openS3Store(location.url, location, { rate, concurrency: options.concurrency ?? CONCURRENCY });
}
