/** Pieces of messages: names that fit, instants, ages, and what a phone can show. Pure. */

/** SMS in one part hold 160 of these; some way below that a carrier's own words still fit. */
export const MAX_SMS = 140;
/** SNS wants a subject below 100 ASCII characters: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html */
export const MAX_SUBJECT = 99;

const DAY = 86_400_000;
const HOUR = 3_600_000;
const MINUTE = 60_000;

/** What of ASCII the GSM 7-bit alphabet has in one septet (3GPP TS 23.038, 6.2.1): no backtick, no brackets, no tilde. */
const NOT_GSM = /[^A-Za-z0-9 !"#$%&'()*+,\-./:;<=>?@_]/g;
const NOT_ASCII = /[^\x20-\x7e]/g;

/** The text in characters that every phone gets, and one septet each. */
export const gsm = (text: string): string => text.replaceAll(NOT_GSM, '?');
/** The text on one line of printable ASCII. */
export const ascii = (text: string): string => text.replaceAll(NOT_ASCII, '?');

/** `2026-11-21 04:00 UTC`. */
export function utc(instant: string): string {
  return `${instant.slice(0, 16).replace('T', ' ')} UTC`;
}

/** `11-21 04:00 UTC`, for SMS. */
export function shortUtc(instant: string): string {
  return utc(instant).slice(5);
}

/** `1 day 5 hours`, `3 hours`, `12 minutes`: the two largest units that say something. */
export function age(milliseconds: number): string {
  const count = (n: number, unit: string) => `${n} ${unit}${n === 1 ? '' : 's'}`;
  const [days, hours] = [Math.floor(milliseconds / DAY), Math.floor(milliseconds / HOUR)];
  if (days >= 10) return count(days, 'day');
  if (days >= 1) return hours % 24 === 0 ? count(days, 'day') : `${count(days, 'day')} ${count(hours % 24, 'hour')}`;
  return hours >= 1 ? count(hours, 'hour') : count(Math.max(0, Math.floor(milliseconds / MINUTE)), 'minute');
}

/** The text, or its beginning and two dots where it is longer. */
export function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return length <= 2 ? text.slice(0, Math.max(0, length)) : `${text.slice(0, length - 2)}..`;
}

/** `host/set` in so many characters: long host names lose their end, set names last. */
export function nameIn(length: number, host: string | null, set: string | null): string {
  if (host === null) return cut('fleet file', length);
  if (set === null) return cut(host, length);
  const room = length - set.length - 1;
  return room >= Math.min(host.length, 8) ? `${cut(host, room)}/${set}` : cut(`${cut(host, 8)}/${set}`, length);
}

/** One word of a command line, quoted for a POSIX shell where that is needed. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
