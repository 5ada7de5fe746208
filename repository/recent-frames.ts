/**
 * Decompressed frames of a listing, the last one of each source: its pieces lie in turn in the parts of a few runs, in frames
 * of 256 KiB. Unlike in cache.ts, how large one is shows only when it is there.
 */

/** So much is kept, and the last one at least. */
const MOST_BYTES = 4 * 2 ** 20;

export class RecentFrames {
  /** The one used last at the end. */
  readonly #frames = new Map<number, { name: string; content: Buffer }>();

  /** The last frame of the source, if it is the one of that name. */
  get(source: number, name: string): Buffer | undefined {
    const frame = this.#frames.get(source);
    if (frame?.name !== name) return undefined;
    this.#frames.delete(source);
    this.#frames.set(source, frame);
    return frame.content;
  }

  keep(source: number, name: string, content: Buffer): void {
    this.#frames.delete(source);
    let kept = content.length;
    for (const frame of this.#frames.values()) kept += frame.content.length;
    for (const [oldest, frame] of this.#frames) {
      if (kept <= MOST_BYTES) break;
      this.#frames.delete(oldest);
      kept -= frame.content.length;
    }
    this.#frames.set(source, { name, content });
  }
}
