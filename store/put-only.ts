import { OffsiteError } from '../contract/errors.ts';
import { assertKey } from './keys-safety.ts';
import type { ObjectStore } from './port.ts';

/**
 * The store as a host with a job sees it: objects can be made under the given prefixes (each ends in a slash), and
 * everything else is `store-denied`: reading, listing, replacing. What the stack's IAM role enforces on AWS.
 */
export function putOnly(store: ObjectStore, prefixes: readonly string[]): ObjectStore {
  const refuse = (what: string): never => {
    throw new OffsiteError('store-denied', `${what} is not allowed here: a host may only create its own objects.`);
  };
  return {
    url: store.url,
    async put(key, body, options) {
      assertKey(key);
      if (options.condition !== 'absent') refuse(`Replacing ${key}`);
      if (!prefixes.some((prefix) => prefix.endsWith('/') && key.startsWith(prefix))) refuse(`Creating ${key}`);
      return await store.put(key, body, options);
    },
    get: async (key) => refuse(`Reading ${key}`),
    head: async (key) => refuse(`Looking at ${key}`),
    // biome-ignore lint/correctness/useYield: it refuses when it is iterated, as a real store does
    async *list(prefix) {
      refuse(`Listing ${prefix}`);
    },
    // biome-ignore lint/correctness/useYield: it refuses when it is iterated, as a real store does
    async *listFolders(prefix) {
      refuse(`Listing ${prefix}`);
    },
  };
}
