/**
 * The identity folder: what makes this machine this host. A signing key, one chunker seed a set, and the locks. No key
 * that decrypts a backup is ever in it. An identity that is lost, damaged or another prefix's (a cloned machine) never
 * stops a backup: it is set aside, a new one is made and registered, and its runs are uncertified until the operator
 * trusts it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { isOffsiteError } from '../contract/errors.ts';
import { compactInstant, isFingerprint, isSha256, sha256Hex } from '../contract/ids.ts';
import { objectKey } from '../contract/keys.ts';
import { generateSigningKey, type PrivateKey, readPrivateKey } from '../pgp/keys.ts';
import type { ObjectStore } from '../store/port.ts';
import { systemClock } from '../system/clock.ts';
import { tryLock } from '../system/lock-file.ts';
import { secureRandom } from '../system/random.ts';
import { makeFolder, readIfThere, readJsonIfThere, writeDurably } from './state/files.ts';

const ownerSchema = z.object({
  prefix: z.string(),
  fingerprint: z.string().refine(isFingerprint),
  /** Of the key's file: a key may still be read, and no longer sign. */
  sha256: z.string().refine(isSha256),
});
const SEED_BYTES = 32;
/** Milliseconds between looks at a lock that another agent holds for a moment. */
const LOCK_POLL = 50;

export interface Identity {
  readonly prefix: string;
  readonly signingKey: PrivateKey;
  /** Where the locks are. */
  readonly locks: string;
  /** True where this call made the signing key. */
  readonly isNew: boolean;
  /** The seed of a set's chunker, made at first use. */
  seedOf(set: string): Promise<Buffer>;
}

/**
 * Opens the identity at `folder` for `prefix`, or makes it. `notice` hears of anything that was set aside. Throws
 * `state-unwritable` where the folder cannot be written.
 */
export async function openIdentity(
  folder: string,
  caller: { prefix: string; host: string },
  now: Date,
  notice: (text: string) => void,
): Promise<Identity> {
  makeFolder(folder);
  makeFolder(join(folder, 'locks'));
  makeFolder(join(folder, 'seeds'));
  const locks = join(folder, 'locks');
  const existing = await readSigningKey(folder, caller.prefix, () => undefined);
  const { signingKey, isNew } =
    typeof existing === 'string'
      ? // No set has a name like this one's.
        await alone(join(locks, '.identity.lock'), () => renewSigningKey(folder, caller, now, notice))
      : { signingKey: existing, isNew: false };
  return {
    prefix: caller.prefix,
    signingKey,
    locks,
    isNew,
    seedOf: (set) => seedOf(join(folder, 'seeds', set)),
  };
}

/** Two agents that miss the same key must not make two. */
async function alone<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    const attempt = await tryLock(lock, 'making the signing key');
    if (!attempt.acquired) {
      await systemClock.sleep(LOCK_POLL);
      continue;
    }
    try {
      return await work();
    } finally {
      await attempt.release();
    }
  }
}

/** The signing key that somebody else has made meanwhile, or a new one; what was there and is no good is set aside. */
async function renewSigningKey(
  folder: string,
  caller: { prefix: string; host: string },
  now: Date,
  notice: (text: string) => void,
): Promise<{ signingKey: PrivateKey; isNew: boolean }> {
  const existing = await readSigningKey(folder, caller.prefix, notice);
  if (typeof existing !== 'string') return { signingKey: existing, isNew: false };
  if (existing !== 'absent') await setAside(folder, now);
  return { signingKey: await makeSigningKey(folder, caller, now), isNew: true };
}

async function readSigningKey(
  folder: string,
  prefix: string,
  notice: (text: string) => void,
): Promise<PrivateKey | 'absent' | 'foreign' | 'damaged'> {
  const bytes = readIfThere(join(folder, 'signing-key.asc'));
  const owner = ownerSchema.safeParse(readJsonIfThere(join(folder, 'identity.json')));
  if (bytes === null && !owner.success) return 'absent';
  if (owner.success && owner.data.prefix !== prefix) {
    notice(
      `the identity in ${folder} is of ${owner.data.prefix}, not of ${prefix}: it was set aside and a new one made`,
    );
    return 'foreign';
  }
  try {
    const isWhole = owner.success && bytes !== null && owner.data.sha256 === sha256Hex(bytes);
    const key = isWhole ? await readPrivateKey(bytes, join(folder, 'signing-key.asc')) : null;
    if (key !== null && owner.data?.fingerprint === key.fingerprint) return key;
  } catch (error) {
    if (!isOffsiteError(error)) throw error;
  }
  notice(`the identity in ${folder} is damaged: it was set aside and a new one made`);
  return 'damaged';
}

async function makeSigningKey(
  folder: string,
  caller: { prefix: string; host: string },
  now: Date,
): Promise<PrivateKey> {
  const made = await generateSigningKey({ host: caller.host, now });
  await writeDurably(join(folder, 'signing-key.asc'), made.privateArmored);
  const { fingerprint } = made;
  const owner = { prefix: caller.prefix, fingerprint, sha256: sha256Hex(made.privateArmored) };
  await writeDurably(join(folder, 'identity.json'), `${JSON.stringify(owner)}\n`);
  return readPrivateKey(Buffer.from(made.privateArmored), 'the new signing key');
}

/** Moves key and owner away under a name that is free, so that nothing is ever lost. */
async function setAside(folder: string, now: Date): Promise<void> {
  const taken = readdirSync(folder).filter((name) => name.startsWith('set-aside-')).length;
  const aside = join(folder, `set-aside-${compactInstant(now)}-${taken}`);
  makeFolder(aside);
  for (const name of ['signing-key.asc', 'identity.json']) {
    await rename(join(folder, name), join(aside, name)).catch(() => undefined);
  }
}

async function seedOf(file: string): Promise<Buffer> {
  const existing = readIfThere(file);
  if (existing?.length === SEED_BYTES) return existing;
  await writeDurably(file, secureRandom(SEED_BYTES));
  return readFileSync(file);
}

/** Puts the public half of the signing key under `hosts/`; harmless where it is there already. */
export async function registerKey(store: ObjectStore, identity: Identity): Promise<void> {
  const { prefix, signingKey } = identity;
  const key = objectKey({ kind: 'host', prefix, fingerprint: signingKey.fingerprint });
  await store.put(key, Buffer.from(signingKey.publicKey.armored), { condition: 'absent' }).catch((error: unknown) => {
    if (!isOffsiteError(error, 'store-exists')) throw error;
  });
}
