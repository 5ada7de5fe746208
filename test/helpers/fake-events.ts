import type { Events, RunJudged } from '../../functions/ports/events.ts';

/** An event bus that keeps what it is told. */
export class FakeEvents implements Events {
  readonly emitted: RunJudged[] = [];
  beforeEmit: () => void = () => {};

  async emit(event: RunJudged): Promise<void> {
    this.beforeEmit();
    this.emitted.push(event);
  }
}
