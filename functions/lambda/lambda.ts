/**
 * What every Lambda has around its work: a log that names the invocation, metrics in that log, and events checked before
 * anything is done. An event that is not understood goes to the dead-letter queue with the reason, and is not tried again.
 */

import { Logger } from '@aws-lambda-powertools/logger';
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { logMetrics } from '@aws-lambda-powertools/metrics/middleware';
import { parser } from '@aws-lambda-powertools/parser/middleware';
import { SQSClient } from '@aws-sdk/client-sqs';
import middy from '@middy/core';
import type * as z from 'zod';
import { clientOptions } from '../aws/clients.ts';
import { DeadLetters } from '../aws/dead-letters.ts';
import { setting } from '../aws/settings.ts';
import type { DeadLetterCount } from '../ports/dead-letters.ts';
import type { RunJudged } from '../ports/events.ts';

export interface Tools {
  readonly logger: Logger;
  /** Counts under a name that the dashboard knows. */
  readonly count: (name: string, value: number) => void;
  readonly deadLetters: DeadLetterCount;
}

/** What an event that was not understood is answered with. */
export interface Refused {
  readonly refused: string;
}

type Parsed<T> = { success: true; data: T } | { success: false; error: Error; originalEvent: unknown };

/** The handler of a function. `work` is called once an event of this shape came; whatever it throws is tried again by Lambda. */
export function lambda<S extends z.ZodType, R>(
  name: string,
  schema: S,
  work: (event: z.output<S>, tools: Tools) => Promise<R>,
): (event: unknown, context: unknown) => Promise<R | Refused> {
  const serviceName = setting('stack');
  const logger = new Logger({ serviceName, persistentLogAttributes: { function: name } });
  const metrics = new Metrics({ namespace: 'Offsite', serviceName });
  const deadLetters = new DeadLetters(
    // Else the URL's host would be asked, whatever endpoint the environment names.
    new SQSClient({ ...clientOptions(), useQueueUrlAsEndpoint: false }),
    setting('deadLetters'),
  );
  const count = (of: string, value: number) => metrics.addMetric(of, MetricUnit.Count, value);
  const tools: Tools = { logger, count, deadLetters };

  const handler = async (parsed: Parsed<z.output<S>>): Promise<R | Refused> => {
    if (parsed.success) {
      tools.count('malformed', 0);
      return work(parsed.data, tools);
    }
    const reason = reasonOf(parsed.error);
    logger.error('malformed event', { reason });
    tools.count('malformed', 1);
    await deadLetters.send({ function: name, reason, event: parsed.originalEvent });
    return { refused: reason };
  };
  return middy()
    .use(injectLambdaContext(logger))
    .use(logMetrics(metrics))
    .use(parser({ schema, safeParse: true }))
    .handler(handler as never) as never;
}

/** Logs each thing that went wrong, and fails with all of them: Lambda tries again, and an alarm tells people. */
export function failOn(errors: readonly unknown[], { logger }: Tools): void {
  if (errors.length === 0) return;
  for (const error of errors)
    logger.error('failed', { error: error instanceof Error ? error : new Error(String(error)) });
  const texts = errors.slice(0, 10).map((error) => (error instanceof Error ? error.message : String(error)));
  throw new AggregateError(errors, `${errors.length} failed: ${texts.join(' | ')}`);
}

/** For the dashboard: the newest verdict of each host and set, and how many of which kind there are. */
export function logVerdict(event: RunJudged, { logger, count }: Tools): void {
  const { host, set, run, policy, due, outcome, accepted } = event;
  logger.info('judged', { host, set, run, policy, due, outcome, accepted });
  count(outcome, 1);
}

/** The parser's error has what is wrong as its cause. */
function reasonOf(error: Error): string {
  const issues: unknown[] = Array.isArray(error.cause) ? error.cause : [];
  const texts = issues.map((issue) => (issue instanceof Object && 'message' in issue ? String(issue.message) : ''));
  return [error.message, ...texts.filter((text) => text !== '')].join(': ');
}
