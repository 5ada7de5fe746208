/** The sign of life by HTTP. It does not matter what is answered, only that somebody does. */

import type { Clock } from '../../system/clock.ts';
import type { Heartbeat } from '../ports/heartbeat.ts';

/** Milliseconds, for all of it. */
const PATIENCE = 10_000;
const MAX_REDIRECTS = 3;

export class HttpHeartbeat implements Heartbeat {
  readonly #clock: Clock;
  readonly #patience: number;

  constructor(clock: Clock, { patience = PATIENCE }: { patience?: number } = {}) {
    this.#clock = clock;
    this.#patience = patience;
  }

  async beat(url: string): Promise<void> {
    const ended = new AbortController();
    const late = new AbortController();
    const limit = this.#clock.sleep(this.#patience, ended.signal).then(
      () => late.abort(new Error(`no answer within ${this.#patience / 1000} seconds`)),
      () => undefined,
    );
    try {
      await ask(new URL(url), late.signal);
    } catch (error) {
      throw late.signal.aborted ? late.signal.reason : error;
    } finally {
      ended.abort();
      await limit;
    }
  }
}

/** Follows redirects itself: a URL that was named with https may not be asked without. */
async function ask(first: URL, signal: AbortSignal): Promise<void> {
  let url = first;
  for (let redirects = 0; ; redirects++) {
    const answer = await fetch(url, {
      method: 'GET',
      redirect: 'manual',
      signal,
      headers: { 'user-agent': 'offsite' },
    });
    await answer.body?.cancel();
    if (answer.ok) return;
    const to = answer.headers.get('location');
    if (answer.status < 300 || answer.status > 399 || to === null) throw new Error(`it answered ${answer.status}`);
    if (redirects === MAX_REDIRECTS) throw new Error(`it redirects more than ${MAX_REDIRECTS} times`);
    const next = new URL(to, url);
    if (next.protocol !== url.protocol && next.protocol !== 'https:') {
      throw new Error(`it redirects from ${url.protocol} to ${next.protocol}`);
    }
    url = next;
  }
}
