/** A folder for one test with a target to restore into and a sibling that must never change. */

import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class Sandbox implements Disposable {
  readonly root: string = mkdtempSync(join(tmpdir(), 'restore-'));
  readonly target: string = join(this.root, 'target');
  readonly outside: string = join(this.root, 'outside');
  readonly #before: string;

  constructor() {
    mkdirSync(this.outside);
    writeFileSync(join(this.outside, 'precious'), 'do not touch');
    this.#before = JSON.stringify(this.#scanOutside());
  }

  /** A path in the target. */
  path(name: string): string {
    return join(this.target, name);
  }

  remove(name: string): void {
    rmSync(this.path(name), { recursive: true });
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  /** What is in the target: `d`, `f content`, `l target` or a letter, by path. Names are bytes as Latin-1. */
  tree(): Record<string, string> {
    return scan(this.target);
  }

  /** True while nothing beside the target was changed, added or removed. */
  get isOutsideUntouched(): boolean {
    return JSON.stringify(this.#scanOutside()) === this.#before;
  }

  #scanOutside(): unknown {
    const stat = lstatSync(this.outside);
    return [scan(this.outside), stat.mode, stat.mtimeMs, readdirSync(this.root).filter((name) => name !== 'target')];
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function scan(top: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walk = (directory: Buffer, path: string) => {
    for (const name of readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare)) {
      const full = Buffer.concat([directory, Buffer.from('/'), name]);
      const own = path + name.toString('latin1');
      const stat = lstatSync(full);
      if (stat.isDirectory()) {
        found[own] = 'd';
        walk(full, `${own}/`);
      } else if (stat.isSymbolicLink()) found[own] = `l ${readlinkSync(full)}`;
      else if (stat.isFile()) found[own] = `f ${readFileSync(full).subarray(0, 100).toString('latin1')}`;
      else found[own] = stat.isFIFO() ? 'p' : '?';
    }
  };
  walk(Buffer.from(top), '');
  return found;
}
