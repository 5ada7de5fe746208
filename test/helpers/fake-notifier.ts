import type { Notifier, Publication } from '../../functions/ports/notifier.ts';

/** A topic whose subscribers remember everything. */
export class FakeNotifier implements Notifier {
  readonly displayName = 'Offsite';
  readonly published: Publication[] = [];
  /** Called before each publication; may throw. */
  beforePublish: (publication: Publication) => void = () => {};
  /** Called after each; may throw too, as where a reply is lost. */
  afterPublish: (publication: Publication) => void = () => {};

  async publish(publication: Publication): Promise<void> {
    this.beforePublish(publication);
    this.published.push(publication);
    this.afterPublish(publication);
  }

  get subjects(): string[] {
    return this.published.map(({ subject }) => subject);
  }

  /** What was published since the last time this was asked. */
  take(): Publication[] {
    return this.published.splice(0);
  }
}
