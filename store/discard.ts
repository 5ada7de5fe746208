import { OffsiteError } from '../contract/errors.ts';
import type { ObjectStore } from './port.ts';

/** A store that takes everything and keeps nothing, for dry runs. Reading from it is a bug. */
export function discarding(url: string): ObjectStore {
  const unreadable = (): never => {
    throw new OffsiteError('internal', 'a dry run reads nothing back');
  };
  return {
    url,
    put: async () => ({ etag: '' }),
    get: unreadable,
    head: unreadable,
    list: unreadable,
    listFolders: unreadable,
  };
}
