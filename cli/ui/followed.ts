/** Runs that are followed, in words: while they are under way, and how they ended. */

import type { FollowedRun } from '../../operator/fleet-follow.ts';
import { count, formatBytes, formatDuration, formatInstant } from './format.ts';

/** What the line on the terminal says; `now` and `since` by the same clock. */
export function followText(runs: readonly FollowedRun[], { now, since }: { now: Date; since: Date }): string {
  return [`waiting ${formatDuration(+now - +since)}`, ...runs.map((run) => underWay(run, now))].join('  |  ');
}

function underWay({ set, state, alive, objects, bytes }: FollowedRun, now: Date): string {
  switch (state) {
    case 'asked':
      return `${set}: no sign of life yet`;
    case 'running': {
      const ago = alive === null ? '' : `, alive ${formatDuration(Math.max(0, +now - +alive))} ago`;
      return `${set}: running${ago}, ${count(objects, 'object')}, ${formatBytes(bytes)}`;
    }
    case 'published':
      return `${set}: published, ${formatBytes(bytes)}, being judged`;
    default:
      return `${set}: ${state}`;
  }
}

/** How a run ended, or where it was left; further lines say why. */
export function endWords({ set, run, state, started, alive, busyWith, verdict }: FollowedRun): string[] {
  const words = {
    asked: 'has not begun',
    running: `is running since ${started === null ? 'some time' : formatInstant(started)}, last sign of life ${alive === null ? 'unknown' : formatInstant(alive)}`,
    published: 'has published its manifest, which is not judged yet',
    skipped: `was skipped: another run was under way${busyWith?.by == null ? '' : `, ${busyWith.by}`}${busyWith?.since == null ? '' : ` since ${formatInstant(busyWith.since)}`}`,
    complete: 'is complete',
    partial: 'is partial: not all of it could be read',
    suspect: 'is suspect: look at it before you rely on it',
    failed: 'failed',
    missed: 'was missed',
  }[state];
  const size = verdict?.storedBytes == null ? '' : `, ${formatBytes(verdict.storedBytes)} stored`;
  const reasons = [...(verdict?.reasons ?? []), ...(verdict?.notices ?? [])];
  return [
    `${set}: run ${run} ${words}${size}`,
    ...reasons.flatMap(({ text, detail }) => [
      `  ${text}`,
      ...(detail === undefined ? [] : detail.trimEnd().split('\n')).map((line) => `  | ${line}`),
    ]),
  ];
}
