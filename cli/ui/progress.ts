/** One line on a terminal that says how far it is: files, bytes, rate, and when it will end if that can be told. */

import { monotonicMilliseconds } from '../../system/clock.ts';
import { count, formatBytes, formatDuration } from './format.ts';
import { LiveLine } from './live-line.ts';
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
  readonly #line: LiveLine;
  readonly #label: string;
  readonly #start = monotonicMilliseconds();
  #drawn = -Infinity;

  constructor(output: Output, label: string) {
    this.#output = output;
    this.#line = new LiveLine(output);
    this.#label = label;
  }

  update(figures: ProgressFigures): void {
    const now = monotonicMilliseconds();
    if (!this.#output.isLive || now - this.#drawn < REDRAW) return;
    this.#drawn = now;
    this.#line.show(progressText(this.#label, figures, now - this.#start));
  }

  clear(): void {
    this.#line.clear();
  }

  end(): void {
    this.#line.end();
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
