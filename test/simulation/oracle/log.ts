/** What happened to whom, kept for the case that something is not as the oracle says: the last things of each host. */

const MAX_KEPT = 30;

interface Entry {
  readonly at: number;
  readonly what: readonly unknown[];
}

export class Log {
  readonly #entries = new Map<string, Entry[]>();

  /** `of` is a host, or `stack` for what concerns all. */
  add(of: string, at: number, ...what: readonly unknown[]): void {
    const entries = this.#entries.get(of) ?? [];
    this.#entries.set(of, entries);
    entries.push({ at, what });
    if (entries.length > 2 * MAX_KEPT) entries.splice(0, MAX_KEPT);
  }

  /** The history of the stack and of those hosts that a text names, a line for each thing. */
  about(text: string): string {
    const named = [...this.#entries.keys()].filter((of) => text.includes(of)).slice(0, 3);
    return [...new Set(['stack', ...named])]
      .flatMap((of) => {
        const entries = (this.#entries.get(of) ?? []).slice(-MAX_KEPT);
        return [`what happened, ${of}:`, ...entries.map(({ at, what }) => `  ${instant(at)} ${what.join(' ')}`)];
      })
      .join('\n');
  }
}

const instant = (at: number) => new Date(at).toISOString().slice(0, 19);
