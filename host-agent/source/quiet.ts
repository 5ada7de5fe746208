import type { ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { timer } from '../../system/clock.ts';

/** How often it is looked whether anything came. */
const LOOK = 500;
const QUIET_LOOKS = 2;

/**
 * Closes the output of a process that has ended. What it wrote is read to the end; but a daemon that it left behind may
 * keep its output open for ever, so a second in which nothing came and nothing waits is the end too, and `isOver` at
 * once. `isWaiting` is true while what was read is not yet written where it goes.
 */
export function closeWhenQuiet(child: ChildProcess, isWaiting: () => boolean, isOver: () => boolean): void {
  const streams = [child.stdout, child.stderr] as (Socket | null)[];
  const read = () => streams.reduce((sum, stream) => sum + (stream?.bytesRead ?? 0), 0);
  let [before, quiet] = [read(), 0];
  const look = () => {
    if (streams.every((stream) => stream === null || stream.closed)) return;
    const now = read();
    const isQuiet = now === before && !isWaiting() && streams.every((stream) => !stream?.readableLength);
    [before, quiet] = [now, isQuiet ? quiet + 1 : 0];
    if (quiet < QUIET_LOOKS && !isOver()) timer(LOOK, look);
    else for (const stream of streams) stream?.destroy();
  };
  timer(LOOK, look);
}
