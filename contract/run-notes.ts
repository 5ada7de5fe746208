/** What a host leaves beside a run's manifest: unsigned notes, believed for nothing but explaining a silence. */

import * as z from 'zod';
import { documentKind, field } from './document.ts';

export const startedKind = documentKind('started', {
  maxBytes: 4096,
  shape: { run: field.run, at: field.instant, deadline: field.instant.nullable() },
});

export const aliveKind = documentKind('alive', {
  maxBytes: 4096,
  shape: {
    run: field.run,
    at: field.instant,
    bytes: field.count,
    /** When it expects to end; null where it cannot tell. */
    eta: field.instant.nullable(),
  },
});

export const skippedKind = documentKind('skipped', {
  maxBytes: 4096,
  shape: {
    run: field.run,
    at: field.instant,
    /** The run that holds the set's lock, and since when. */
    by: z.string().max(64),
    since: field.instant,
  },
});
