/** One line on a terminal that is drawn again and again; messages go above it, and nothing of it stays. */

import type { Output } from './output.ts';

export class LiveLine {
  readonly #output: Output;
  #isVisible = false;

  constructor(output: Output) {
    this.#output = output;
    output.beforeMessage(() => this.clear());
  }

  /** Nothing where there is no terminal. */
  show(text: string): void {
    if (!this.#output.isLive) return;
    this.#output.draw(`\r\u001b[K${text.slice(0, this.#output.columns - 1)}`);
    this.#isVisible = true;
  }

  clear(): void {
    if (!this.#isVisible) return;
    this.#isVisible = false;
    this.#output.draw('\r\u001b[K');
  }

  end(): void {
    this.clear();
    this.#output.beforeMessage(undefined);
  }
}
