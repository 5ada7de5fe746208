import { isOffsiteError, OffsiteError } from '../contract/errors.ts';
import { errno } from '../system/errno.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT']);
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS', 'ELOOP', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP']);

/**
 * What an error of the file system means for whoever asked about `what`. Everything that is not known to be lasting is
 * `store-transient`. A name that is not there is for the caller to judge: to a reader it is `store-absent`, to a
 * writer it means that a folder went away.
 */
export function directoryError(error: unknown, what: string): OffsiteError {
  if (isOffsiteError(error, 'lock-unusable') && errno(error.cause) !== undefined) {
    return directoryError(error.cause, what);
  }
  if (error instanceof OffsiteError) return error;
  const name = errno(error);
  if (name === undefined) return new OffsiteError('internal', `${what}: ${String(error)}`, { cause: error });
  if (FULL.has(name)) return new OffsiteError('store-full', `${what}: no room is left (${name}).`, { cause: error });
  if (name === 'ENOTDIR' || name === 'EISDIR' || name === 'ENAMETOOLONG') {
    return new OffsiteError('object-key-invalid', `${what}: its key does not fit those that are there (${name}).`, {
      cause: error,
    });
  }
  if (DENIED.has(name)) {
    const hint = LINKLESS.has(name) ? { hint: 'A directory store needs one file system with hard links.' } : {};
    return new OffsiteError('store-denied', `${what}: the file system refuses it (${name}).`, {
      cause: error,
      ...hint,
    });
  }
  return new OffsiteError('store-transient', `${what}: the file system fails (${name}).`, { cause: error });
}

/** What link() answers on file systems that cannot. EPERM is not among them: it is a plain refusal more often. */
const LINKLESS = new Set(['EXDEV', 'ENOTSUP', 'EOPNOTSUPP']);
