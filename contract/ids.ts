/** Names and ids: hosts, sets, policies, runs, chains, prefixes. Pure; randomness comes in as bytes. */

import { hash } from 'node:crypto';
import { OffsiteError } from './errors.ts';

/** `YYYYMMDDTHHMMSSZ-<12 hex>`: the due time or the start, and a part that tells runs of one second apart. */
export type RunId = string;
/** Of the same form as a run id: drawn when a full first starts. */
export type ChainId = string;

const RUN_ID = /^(\d{8}T\d{6}Z)-[0-9a-f]{12}$/;
const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const SET = /^[a-z0-9][a-z0-9_-]{0,31}$/;
const POLICY = /^[a-z0-9-]{1,24}$/;
const NODE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const PREFIX = /^[A-Za-z0-9][A-Za-z0-9._:@=+-]{0,190}$/;
const FINGERPRINT = /^[0-9A-F]{40}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** `constructor` and its like are no names: records indexed by names must answer for them with nothing. */
const TAKEN = new Set(Object.getOwnPropertyNames(Object.prototype));
const isFree = (text: string): boolean => !TAKEN.has(text);

export const isRunId = (text: string): boolean => RUN_ID.test(text) && parseCompact(text.slice(0, 16)) !== null;
export const isHostName = (text: string): boolean => HOST.test(text) && isFree(text);
export const isSetName = (text: string): boolean => SET.test(text) && isFree(text);
export const isPolicyName = (text: string): boolean => POLICY.test(text) && isFree(text);
export const isNodeId = (text: string): boolean => NODE.test(text) && isFree(text);
export const isPrefix = (text: string): boolean => PREFIX.test(text) && isFree(text);
/** A primary key's fingerprint: 40 uppercase hex digits. */
export const isFingerprint = (text: string): boolean => FINGERPRINT.test(text);
/** A SHA-256 in 64 lowercase hex digits. */
export const isSha256 = (text: string): boolean => SHA256.test(text);

/** Lowercase hex SHA-256 of bytes or of a text's UTF-8. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes);
}

/** An instant cut to its second, as `YYYYMMDDTHHMMSSZ`, UTC. */
export function compactInstant(instant: Date): string {
  const second = Math.floor(instant.getTime() / 1000);
  return compactTexts.get(second) ?? kept(compactTexts, second, instantText(instant).replace(/[-:]/g, ''));
}

/**
 * Texts of instants, and instants of texts: a slot's due minute is spelt and read thousands of times, in each key of each
 * of its runs.
 */
const compactTexts = new Map<number, string>();
const instantTexts = new Map<number, string>();
const compactTimes = new Map<string, number>();
const MAX_KEPT = 1000;

function kept<K, V>(map: Map<K, V>, key: K, value: V): V {
  if (map.size >= MAX_KEPT) map.clear();
  map.set(key, value);
  return value;
}

/** The inverse of compactInstant; null where the text is not of that form or no such instant exists. */
export function parseCompact(text: string): Date | null {
  const known = compactTimes.get(text);
  if (known !== undefined) return new Date(known);
  const instant = readCompact(text);
  if (instant !== null) kept(compactTimes, text, instant.getTime());
  return instant;
}

function readCompact(text: string): Date | null {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second] = match;
  const instant = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(instant.getTime()) || compactInstant(instant) !== text ? null : instant;
}

/** `YYYY-MM-DDTHH:MM:SSZ`, UTC, cut to the second: the form of every instant in stored documents. */
export function instantText(instant: Date): string {
  const second = Math.floor(instant.getTime() / 1000);
  return instantTexts.get(second) ?? kept(instantTexts, second, `${instant.toISOString().slice(0, 19)}Z`);
}

/** The run id of a slot's job for one node and set; the same on stack and host, whoever computes it. */
export function runIdForSlot(slot: { policy: string; due: Date; node: string; set: string }): RunId {
  const due = compactInstant(slot.due);
  return `${due}-${sha256Hex(`${slot.policy}\n${due}\n${slot.node}\n${slot.set}`).slice(0, 12)}`;
}

/** The id of an unasked run or of a new chain: its start and six random bytes. */
export function randomRunId(start: Date, random: Uint8Array): RunId {
  if (random.length !== 6) throw new OffsiteError('internal', 'a run id takes six random bytes');
  return `${compactInstant(start)}-${Buffer.from(random).toString('hex')}`;
}

/** The instant that a run id begins with. */
export function runInstant(run: RunId): Date {
  const instant = parseCompact(run.slice(0, 16));
  if (instant === null || !isRunId(run)) throw new OffsiteError('document-invalid', `not a run id: ${run}`);
  return instant;
}

/** True where `prefix` is one that `node` writes under: its own name standalone, `AROA…:<node>` on AWS. */
export function isPrefixOfNode(prefix: string, node: string): boolean {
  return prefix === node || prefix.endsWith(`:${node}`);
}
