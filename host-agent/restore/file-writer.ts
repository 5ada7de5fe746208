/** Writing the chunks of one part into files, in one thread: the target of part-work.ts. */

import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import type { BytePath } from '../../contract/byte-path.ts';
import { type Extents, eachStretch } from './extents.ts';
import type { FileTask } from './file-tasks.ts';
import type { ChunkTarget } from './part-work.ts';
import type { Placer } from './placer.ts';
import { type Failure, failureOf } from './report.ts';

/** Files open for writing at once: a part may hold pieces of thousands, and mostly they follow each other. */
const MAX_OPEN = 64;

interface Output {
  /** Null while too many others are open. */
  handle: number | null;
  readonly temporary: BytePath;
}

export class FileWriter implements ChunkTarget {
  readonly #placer: Placer;
  /** The one used last comes last. */
  readonly #outputs = new Map<number, Output>();
  #opened = 0;

  constructor(placer: Placer) {
    this.#placer = placer;
  }

  write(task: FileTask, file: number, position: number, bytes: Uint8Array, isLast: boolean): Failure | null {
    try {
      const { handle, temporary } = this.#open(task, file);
      writeData(handle, bytes, position, task.extents);
      if (!isLast) return null;
      if (task.temporary === null) this.#placer.attributes.setOpen(handle, task.attributes, { owner: task.owner });
      this.#close(file);
      if (task.temporary === null && !task.isHidden) this.#placer.publish(task.directory, temporary, task.name);
      this.#outputs.delete(file);
      return null;
    } catch (error) {
      return failureOf(error);
    }
  }

  abandon(task: FileTask, file: number): void {
    this.#close(file);
    const output = this.#outputs.get(file);
    this.#outputs.delete(file);
    // One that other parts belong to is given up by whoever made it.
    if (output !== undefined && task.temporary === null) this.#placer.discard(task.directory, output.temporary);
  }

  #open(task: FileTask, file: number): { handle: number; temporary: BytePath } {
    const known = this.#outputs.get(file);
    if (known !== undefined && known.handle !== null) return { handle: known.handle, temporary: known.temporary };
    this.#limit();
    const temporary = known?.temporary ?? task.temporary;
    const output =
      temporary === null
        ? createFile(this.#placer, task)
        : { handle: this.#placer.reopen(task.directory, temporary), temporary };
    this.#outputs.delete(file);
    this.#outputs.set(file, output);
    this.#opened++;
    return output;
  }

  #limit(): void {
    if (this.#opened < MAX_OPEN) return;
    for (const [file, { handle }] of this.#outputs) {
      if (handle !== null) return this.#close(file);
    }
  }

  #close(file: number): void {
    const output = this.#outputs.get(file);
    if (output === undefined || output.handle === null) return;
    const { handle } = output;
    output.handle = null;
    this.#opened--;
    closeSync(handle);
  }
}

/** Makes the file under a temporary name, or its own where that is hidden, with its holes. */
export function createFile(
  placer: Placer,
  task: Pick<FileTask, 'directory' | 'isHidden' | 'name' | 'size' | 'extents'>,
): { handle: number; temporary: BytePath } {
  const { directory, isHidden, name } = task;
  const made = isHidden ? { handle: placer.createHidden(directory, name), temporary: name } : placer.create(directory);
  if (task.extents === null) return made;
  try {
    ftruncateSync(made.handle, task.size);
    return made;
  } catch (error) {
    closeSync(made.handle);
    placer.discard(task.directory, made.temporary);
    throw error;
  }
}

function writeData(handle: number, bytes: Uint8Array, position: number, extents: Extents): void {
  eachStretch(extents, position, bytes.length, (from, offset, length) => {
    for (let done = 0; done < length; ) {
      done += writeSync(handle, bytes, from + done, length - done, offset + done);
    }
  });
}
