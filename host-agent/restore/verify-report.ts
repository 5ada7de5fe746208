/** What a verification says at its end, by object. */

import type { ErrorCode } from '../../contract/errors.ts';

/** One thing that is wrong, and what it costs. */
export interface VerifyError {
  /** The object's key; null where it is not one object's fault. */
  readonly object: string | null;
  readonly code: ErrorCode;
  readonly message: string;
  /** Files that cannot be restored because of it, for people; empty without the key, which names no files. */
  readonly files: readonly string[];
}

export class VerifyErrors {
  readonly #errors = new Map<string, Omit<VerifyError, 'files'> & { files: Set<string> }>();

  /** Adds an error, or files to it where the object's error is known. */
  add(
    object: string | null,
    { code, message }: { code: ErrorCode; message: string },
    files: readonly string[] = [],
  ): void {
    const name = object === null ? `${code} ${message}` : object;
    let error = this.#errors.get(name);
    if (error === undefined) {
      error = { object, code, message, files: new Set() };
      this.#errors.set(name, error);
    }
    for (const file of files) error.files.add(file);
  }

  list(): VerifyError[] {
    return [...this.#errors.values()].map((error) => ({ ...error, files: [...error.files] }));
  }
}
