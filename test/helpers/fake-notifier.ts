import { NobodyListens, type Notifier, type Publication, type Topic } from '../../functions/ports/notifier.ts';

/** Topics whose subscribers remember everything. Digests are kept apart from what tells of something that happened. */
export class FakeNotifier implements Notifier {
  readonly displayName = 'Offsite';
  readonly published: Publication[] = [];
  readonly digests: Publication[] = [];
  /** Topics to which nobody has confirmed a subscription: what is published to them is lost. */
  readonly deaf = new Set<Topic>();
  /** Called before each publication; may throw. */
  beforePublish: (publication: Publication) => void = () => {};
  /** Called after each; may throw too, as where a reply is lost. */
  afterPublish: (publication: Publication) => void = () => {};

  async publish(publication: Publication): Promise<void> {
    this.beforePublish(publication);
    if (this.deaf.has(publication.topic)) throw new NobodyListens(publication.topic);
    const isDigest = publication.subject.startsWith('Offsite digest');
    (isDigest ? this.digests : this.published).push(publication);
    this.afterPublish(publication);
  }

  async hasListener(topic: Topic): Promise<boolean> {
    return !this.deaf.has(topic);
  }

  get subjects(): string[] {
    return this.published.map(({ subject }) => subject);
  }

  /** What was published since the last time this was asked, digests left out. */
  take(): Publication[] {
    return this.published.splice(0);
  }

  /** The digests since the last time this was asked. */
  takeDigests(): Publication[] {
    return this.digests.splice(0);
  }
}
