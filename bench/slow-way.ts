/**
 * `slow-way.ts FROM TO MILLISECONDS`: what comes in on port FROM goes to port TO, and each answer comes back so much later.
 * Bytes are passed on as they come, by both ways at once: a call takes so much longer, a connection carries as much.
 */

import { connect, createServer } from 'node:net';
import { commandLine } from '../system/process.ts';

const [from = 0, to = 0, milliseconds = 0] = commandLine().map(Number);
/** Node's timers are not before their time, and those of one length keep their order. */
const later = (work: () => void) => (milliseconds === 0 ? work() : setTimeout(work, milliseconds));

createServer({ noDelay: true }, (asked) => {
  const on = connect({ host: '127.0.0.1', port: to, noDelay: true });
  asked.pipe(on);
  on.on('data', (answer) => later(() => asked.write(answer)));
  on.on('end', () => later(() => asked.end()));
  for (const [one, other] of [
    [asked, on],
    [on, asked],
  ] as const) {
    one.on('error', () => other.destroy());
  }
}).listen(from, '127.0.0.1');
