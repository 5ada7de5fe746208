/** What is measured: a backup program with one setting, ours or a peer. */

import type { Command } from './measure.ts';

/** Where a contender keeps its things in one round: new and empty. */
export interface Place {
  /** The store's folder, or with S3 what the program caches of it. */
  readonly store: string;
  /** Config, state and caches. */
  readonly home: string;
  /** The S3 store, where one is measured. */
  readonly s3: S3Place | null;
}

/** To the S3 server at once, with one more hop, or with one more hop on which each call takes longer. */
export type Way = 'direct' | 'near' | 'far';

export interface S3Place {
  readonly endpoint: string;
  readonly bucket: string;
  /** Of this contender and round. */
  readonly prefix: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

export interface Contender {
  readonly name: string;
  /** As it says itself. */
  readonly version: string;
  /** `alike`: zstd level 3, as ours; those are compared. `defaults` is printed beside, without a ratio. */
  readonly setting: 'alike' | 'defaults';
  /** By which way it is to use S3; null where it cannot. */
  readonly speaksS3: Way | null;
  /** Whose time the ratio is of, where that is not ours. */
  readonly besides?: string;
  /** A fresh repository; returns the commands on it. */
  prepare(place: Place, source: string): Session;
}

/** Commands on one repository. */
export interface Session {
  full(): Command;
  incremental(): Command;
  /** Everything into `target`, which is empty. */
  restoreAll(target: string): Command;
  /** The one file (absolute path) into `target`. */
  restoreOne(file: string, target: string): Command;
  /** Where the file of that absolute source path lies after a restore into `target`. */
  restored(file: string, target: string): string;
}
