/**
 * Bringing things into the target under their names: made under a temporary name in their directory, complete with
 * attributes, then named at once; or in a directory that is hidden as a whole (staging.ts). Without `overwrite` nothing that is there is ever replaced, also by a race.
 */

import { closeSync, constants, linkSync, openSync, renameSync, unlinkSync } from 'node:fs';
import type { BytePath } from '../../contract/byte-path.ts';
import { errno } from '../../system/errno.ts';
import { AttributeSetter } from './attributes.ts';
import { DirectoryHandles, removeTree } from './directory-handles.ts';
import { NotSetCounts } from './report.ts';
import { TemporaryNames } from './temporary-names.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;

/** What file systems without hard links say to link(). */
const NO_LINKS = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/** What workers need to know too; plain data. */
export interface PlacerOptions {
  /** Handle of the target directory. */
  readonly root: number;
  readonly overwrite: boolean;
  readonly setOwner: boolean;
}

/** One for each thread. */
export class Placer implements Disposable {
  readonly handles: DirectoryHandles;
  readonly attributes: AttributeSetter;
  readonly notSet = new NotSetCounts();
  readonly overwrite: boolean;
  readonly #temporary = new TemporaryNames();

  constructor(options: PlacerOptions) {
    this.handles = new DirectoryHandles(options.root);
    this.attributes = new AttributeSetter(options.setOwner, this.notSet);
    this.overwrite = options.overwrite;
  }

  temporaryName(): BytePath {
    return this.#temporary.next();
  }

  /** Makes an empty file under its own name, in a directory that is hidden, and opens it for writing. EEXIST if it is taken. */
  createHidden(directory: BytePath, name: BytePath): number {
    return openSync(this.handles.at(directory, name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  }

  /** Makes an empty file under a temporary name and opens it for writing. */
  create(directory: BytePath): { handle: number; temporary: BytePath } {
    const temporary = this.#temporary.next();
    const path = this.handles.at(directory, temporary);
    return { handle: openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), temporary };
  }

  /** Opens such a file again. */
  reopen(directory: BytePath, temporary: BytePath): number {
    return openSync(this.handles.at(directory, temporary), O_WRONLY | O_NOFOLLOW);
  }

  /** Gives a complete file its name, in another directory where that is given. EEXIST or EISDIR where the name is taken. */
  publish(directory: BytePath, temporary: BytePath, name: BytePath, into: BytePath = directory): void {
    const [from, to] = [this.handles.at(directory, temporary), this.handles.at(into, name, directory)];
    if (this.overwrite) {
      renameSync(from, to);
      return;
    }
    try {
      linkSync(from, to);
    } catch (error) {
      if (!NO_LINKS.has(errno(error) ?? '')) throw error;
      // Only one can make the name, and only that one then replaces it.
      closeSync(openSync(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
      renameSync(from, to);
      return;
    }
    unlinkSync(from);
  }

  /** Makes something that is complete at once, like a link: `make` gets the path, and fails with EEXIST on a taken one. */
  placeAtOnce(directory: BytePath, name: BytePath, make: (path: string | Buffer) => void): void {
    if (!this.overwrite) {
      make(this.handles.at(directory, name));
      return;
    }
    this.placeSlowly(directory, name, (_, path) => {
      make(path);
      return true;
    });
  }

  /** Makes something under a temporary name, then names it; `make` answers false where it could not be made. */
  placeSlowly(
    directory: BytePath,
    name: BytePath,
    make: (temporary: BytePath, path: string | Buffer) => boolean,
  ): void {
    const temporary = this.#temporary.next();
    try {
      if (make(temporary, this.handles.at(directory, temporary))) this.publish(directory, temporary, name);
    } finally {
      // It is still there after a failure, and after a rename() between two names of one file, which does nothing.
      this.discard(directory, temporary);
    }
  }

  /** Removes something incomplete; what is not there any more is no error. */
  discard(directory: BytePath, temporary: BytePath): void {
    try {
      unlinkSync(this.handles.at(directory, temporary));
    } catch (error) {
      if (errno(error) === undefined) throw error;
    }
  }

  /** Removes a directory and all in it, never through a link. What cannot be removed, or is not there any more, is no error. */
  discardDirectory(directory: BytePath, temporary: BytePath): void {
    try {
      removeTree(this.handles, directory, temporary);
    } catch (error) {
      if (errno(error) === undefined) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.handles[Symbol.dispose]();
  }
}
