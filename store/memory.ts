import { hash } from 'node:crypto';
import { OffsiteError } from '../contract/errors.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { assertKey, assertPrefix, compareKeys } from './keys-safety.ts';
import type { ListedObject, ObjectInfo, ObjectStore, PutOptions, StoredObject } from './port.ts';
import { SortedKeys } from './sorted-keys.ts';

/** Most lists are short, or are left early. */
const FIRST_PAGE = 8;
const PAGE = 1000;
const FOLDER_PAGE = 32;

/** A store in the memory of this process, for tests and simulations. `lastModified` is the given clock's. */
export class MemoryStore implements ObjectStore {
  readonly url: string;
  readonly #clock: Clock;
  readonly #objects = new Map<string, StoredObject>();
  readonly #keys = new SortedKeys();

  constructor({ clock = systemClock, url = 'memory:' }: { clock?: Clock; url?: string } = {}) {
    this.#clock = clock;
    this.url = url;
  }

  async put(key: string, body: Uint8Array, { condition, sha256 }: PutOptions): Promise<{ etag: string }> {
    assertKey(key);
    const present = this.#objects.get(key);
    if (condition === 'absent' && present) throw new OffsiteError('store-exists', `${key} is already in ${this.url}.`);
    if (condition !== 'absent' && present?.etag !== condition.etag) {
      throw new OffsiteError('store-changed', `${key} is not what it was when it was read.`);
    }
    const object = this.#made(key, body);
    if (sha256 !== undefined && sha256 !== object.sha256) {
      throw new OffsiteError('store-transient', `${key} arrived with SHA-256 ${object.sha256} instead of ${sha256}.`);
    }
    this.#set(key, object);
    return { etag: object.etag };
  }

  async get(key: string, { maxBytes = Number.POSITIVE_INFINITY } = {}): Promise<StoredObject> {
    const object = this.#present(key);
    if (object.cold) throw new OffsiteError('store-cold', `${key} in ${this.url} must be thawed first.`);
    if (object.size > maxBytes) {
      const what = `${key} in ${this.url} has ${object.size} bytes, more than the ${maxBytes} allowed.`;
      throw new OffsiteError('document-too-large', what);
    }
    return { ...object, body: Buffer.from(object.body) };
  }

  async head(key: string): Promise<ObjectInfo> {
    const { body: _, ...info } = this.#present(key);
    return info;
  }

  async *list(prefix: string, { after = '' } = {}): AsyncIterable<ListedObject> {
    assertPrefix(prefix);
    // NUL is in no key, so that this is the place right behind `after`.
    let from = after === '' || compareKeys(after, prefix) < 0 ? prefix : `${after}\0`;
    // In pages, as a bucket lists: what is put behind the place that a list has reached is in it.
    for (let count = FIRST_PAGE; ; count = PAGE) {
      const page = this.#keys.from(from, count);
      for (const key of page) {
        if (!key.startsWith(prefix)) return;
        const object = this.#objects.get(key);
        if (object !== undefined) yield { key, size: object.size, lastModified: object.lastModified };
      }
      if (page.length < count) return;
      from = `${page.at(-1)}\0`;
    }
  }

  async *listFolders(prefix: string): AsyncIterable<string> {
    assertPrefix(prefix);
    let folder = '';
    for (let from = prefix; ; ) {
      const page = this.#keys.from(from, FOLDER_PAGE);
      for (const key of page) {
        if (!key.startsWith(prefix)) return;
        const slash = key.indexOf('/', prefix.length);
        if (slash < 0 || (folder !== '' && key.startsWith(folder))) continue;
        folder = key.slice(0, slash + 1);
        yield folder;
      }
      const last = page.at(-1);
      if (last === undefined) return;
      // What else lies in a folder is leapt over: `0` is the byte after the slash, and NUL is in no key.
      from = folder !== '' && last.startsWith(folder) ? `${folder.slice(0, -1)}0` : `${last}\0`;
    }
  }

  /** What the port does not offer and a simulation needs: another hand in the store. Replaces or makes an object. */
  overwrite(key: string, body: Uint8Array): void {
    assertKey(key);
    this.#set(key, this.#made(key, body));
  }

  /** Makes an object vanish; false if there was none. */
  remove(key: string): boolean {
    if (!this.#objects.delete(key)) return false;
    this.#keys.delete(key);
    return true;
  }

  /** Moves an object into a cold storage class, or thaws it. */
  setCold(key: string, cold: boolean): void {
    this.#objects.set(key, { ...this.#present(key), cold });
  }

  #made(key: string, body: Uint8Array): StoredObject {
    const sha256 = hash('sha256', body);
    const lastModified = this.#clock.now();
    // Not from Node's pool: a few bytes kept in it keep all that lay beside them.
    const copy = Buffer.allocUnsafeSlow(body.length);
    copy.set(body);
    return { key, size: body.length, lastModified, etag: sha256, sha256, cold: false, body: copy };
  }

  #present(key: string): StoredObject {
    assertKey(key);
    const object = this.#objects.get(key);
    if (object === undefined) throw new OffsiteError('store-absent', `${key} is not in ${this.url}.`);
    return object;
  }

  #set(key: string, object: StoredObject): void {
    if (!this.#objects.has(key)) this.#keys.add(key);
    this.#objects.set(key, object);
  }
}
