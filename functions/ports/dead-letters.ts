/** What no function could deal with. On AWS it waits in an SQS queue. */

export interface DeadLetterCount {
  /** Messages that wait, those that somebody looks at just now included. Approximate: SQS counts no better. */
  count(): Promise<number>;
}
