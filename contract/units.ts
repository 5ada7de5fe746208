/** Durations and sizes as people write them in config files and on the command line. */

import * as z from 'zod';

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };
const DECIMAL: Record<string, number> = { '': 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const BINARY: Record<string, number> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** Nothing is to last longer, and any instant and such a duration make an instant. */
const HUNDRED_YEARS = 36_525 * 86_400_000;

/** Milliseconds of `90s`, `30m`, `6h`, `31d` or `2w`; null where the text is none, or longer than a hundred years. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9})([smhdw])$/.exec(text);
  const value = match === null ? Number.NaN : Number(match[1]) * (SECONDS[match[2] ?? ''] ?? 0) * 1000;
  return value <= HUNDRED_YEARS ? value : null;
}

/** Bytes of `500`, `32MiB` (powers of 1024) or `350MB` (powers of 1000); null where the text is none, or is 2^53 or more. */
export function parseSize(text: string): number | null {
  const match = /^(\d{1,12}) ?([KMGT]?i?B?)$/.exec(text);
  const unit = match === null ? undefined : (DECIMAL[match[2] ?? ''] ?? BINARY[match[2] ?? '']);
  const value = match === null || unit === undefined ? Number.NaN : Number(match[1]) * unit;
  return Number.isSafeInteger(value) ? value : null;
}

const A_DURATION = 'must be a duration like 90s, 30m, 6h or 31d';
const A_SIZE = 'must be a size like 512KiB, 32MiB or 350MB';
const A_SHARE = 'must be a share like 50%';

/** A duration of a config file, in milliseconds. */
export const duration = z.string(A_DURATION).transform((text, context) => {
  const value = parseDuration(text);
  if (value !== null) return value;
  context.addIssue({ code: 'custom', message: A_DURATION });
  return z.NEVER;
});

/** A size of a config file, in bytes. */
export const size = z.union([z.string(), z.int().min(0)], A_SIZE).transform((value, context) => {
  const bytes = parseSize(String(value));
  if (bytes !== null) return bytes;
  context.addIssue({ code: 'custom', message: A_SIZE });
  return z.NEVER;
});

/** A share of a config file, `0%` to `100%`, as a number from 0 to 1. */
export const percentage = z.string(A_SHARE).transform((text, context) => {
  const match = /^(\d{1,3})%$/.exec(text);
  if (match !== null && Number(match[1]) <= 100) return Number(match[1]) / 100;
  context.addIssue({ code: 'custom', message: A_SHARE });
  return z.NEVER;
});
