/** One line on a terminal that says how far it is: files, bytes, rate, and when it will end if that can be told. */

import { monotonicMilliseconds } from '../../system/clock.ts';
import { count, formatBytes, formatDuration } from './format.ts';
import type { Output } from './output.ts';

const REDRAW = 100;

export interface ProgressFigures {
  readonly files: number;
  readonly bytes: number;
  /** Null where nobody knows. */
  readonly expectedBytes: number | null;
  /** More to say, such as `12 MiB new`. */
  readonly also?: string;
}

export class ProgressLine {
  readonly #output: Output;
  readonly #label: string;
  readonly #start = monotonicMilliseconds();
  #drawn = -Infinity;
  #visible = false;

  constructor(output: Output, label: string) {
    this.#output = output;
    this.#label = label;
    output.beforeMessage(() => this.clear());
  }

  update(figures: ProgressFigures): void {
    const now = monotonicMilliseconds();
    if (!this.#output.isLive || now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    this.#output.draw(
      `\r\u001b[K${progressText(this.#label, figures, now - this.#start).slice(0, this.#output.columns - 1)}`,
    );
    this.#visible = true;
  }

  clear(): void {
    if (!this.#visible) return;
    this.#visible = false;
    this.#output.draw('\r\u001b[K');
  }

  end(): void {
    this.clear();
    this.#output.beforeMessage(undefined);
  }
}

/** The line's text. `elapsed` in milliseconds. */
export function progressText(label: string, figures: ProgressFigures, elapsed: number): string {
  const { files, bytes, expectedBytes, also } = figures;
  const rate = elapsed > 0 ? (bytes / elapsed) * 1000 : 0;
  const share = expectedBytes !== null && expectedBytes > 0 ? Math.min(0.99, bytes / expectedBytes) : null;
  return [
    label,
    ...(share === null ? [] : [`${Math.floor(share * 100)}%`]),
    count(files, 'file'),
    formatBytes(bytes),
    `${formatBytes(rate)}/s`,
    ...(also === undefined ? [] : [also]),
    ...(share === null || share < 0.02 ? [] : [`ETA ${formatDuration((elapsed / share) * (1 - share))}`]),
  ].join('  ');
}
