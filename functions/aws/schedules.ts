/**
 * Schedules as EventBridge rules: `<stack>-s-<policy>-full` and `…-incr`. A rule is this stack's only if its name is of
 * that form and its description says so; rules of others are neither listed, changed nor removed.
 */

import {
  DeleteRuleCommand,
  DescribeRuleCommand,
  type EventBridgeClient,
  ListRulesCommand,
  ListTargetsByRuleCommand,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from '@aws-sdk/client-eventbridge';
import { isPolicyName } from '../../contract/ids.ts';
import type { FoundSchedule, MadeBy, Schedule, Schedules, WantedSchedule } from '../ports/schedules.ts';

export interface SchedulesOf {
  readonly stack: string;
  /** ARN of the function that the rules start. */
  readonly dispatch: string;
  /** ARN of the queue for firings that could not be delivered. */
  readonly deadLetters: string;
}

const SUFFIX = { full: 'full', incremental: 'incr' } as const;
const TARGET = 'dispatch';
/** Seconds: what a target's RetryPolicy takes. */
const SHORTEST_AGE = 60;
const LONGEST_AGE = 86_400;

export class EventBridgeSchedules implements Schedules {
  readonly #client: EventBridgeClient;
  readonly #of: SchedulesOf;

  constructor(client: EventBridgeClient, of: SchedulesOf) {
    this.#client = client;
    this.#of = of;
  }

  async list(): Promise<FoundSchedule[]> {
    const found: FoundSchedule[] = [];
    let page: string | undefined;
    do {
      const { Rules, NextToken } = await this.#client.send(
        new ListRulesCommand({
          NamePrefix: prefixOf(this.#of.stack),
          ...(page === undefined ? {} : { NextToken: page }),
        }),
      );
      for (const { Name, Description } of Rules ?? []) {
        const schedule = scheduleOfName(this.#of.stack, Name ?? '');
        if (schedule !== null && isOurs(this.#of.stack, Description)) {
          found.push({ ...schedule, madeBy: madeByOf(Description ?? '') });
        }
      }
      page = NextToken;
    } while (page !== undefined && page !== '');
    return found;
  }

  async put(schedule: WantedSchedule): Promise<void> {
    const { stack, dispatch, deadLetters } = this.#of;
    const { policy, type, cron, deadline } = schedule;
    const Name = ruleName(stack, schedule);
    await this.#assertOurs(Name);
    await this.#client.send(
      new PutRuleCommand({
        Name,
        ScheduleExpression: cron,
        State: 'ENABLED',
        Description: descriptionOf(stack, schedule),
      }),
    );
    const age = Math.min(Math.max(Math.floor(deadline / 1000), SHORTEST_AGE), LONGEST_AGE);
    const { FailedEntries } = await this.#client.send(
      new PutTargetsCommand({
        Rule: Name,
        Targets: [
          {
            Id: TARGET,
            Arn: dispatch,
            // The event's own time says which minute it is of, however late it is delivered.
            InputTransformer: {
              InputPathsMap: { time: '$.time' },
              InputTemplate: `{"policy":${JSON.stringify(policy)},"type":${JSON.stringify(type)},"time":<time>}`,
            },
            RetryPolicy: { MaximumEventAgeInSeconds: age, MaximumRetryAttempts: 185 },
            DeadLetterConfig: { Arn: deadLetters },
          },
        ],
      }),
    );
    const [failed] = FailedEntries ?? [];
    if (failed !== undefined)
      throw new Error(`the target of rule ${Name} was refused: ${failed.ErrorCode} ${failed.ErrorMessage}`);
  }

  async remove(schedule: Schedule): Promise<void> {
    const Name = ruleName(this.#of.stack, schedule);
    try {
      const { Targets } = await this.#client.send(new ListTargetsByRuleCommand({ Rule: Name }));
      const Ids = (Targets ?? []).map(({ Id }) => Id).filter((id) => id !== undefined);
      if (Ids.length > 0) await this.#client.send(new RemoveTargetsCommand({ Rule: Name, Ids }));
      await this.#client.send(new DeleteRuleCommand({ Name }));
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }

  /** PutRule would silently take over a rule of that name. */
  async #assertOurs(Name: string): Promise<void> {
    try {
      const { Description } = await this.#client.send(new DescribeRuleCommand({ Name }));
      if (isOurs(this.#of.stack, Description)) return;
    } catch (error) {
      if (isAbsent(error)) return;
      throw error;
    }
    throw new Error(`rule ${Name} is there and was not made by this stack; rename the policy, or remove the rule`);
  }
}

const prefixOf = (stack: string) => `${stack}-s-`;

/** 63 characters at most, of the 64 that a rule's name may have. */
export function ruleName(stack: string, { policy, type }: Schedule): string {
  return `${prefixOf(stack)}${policy}-${SUFFIX[type]}`;
}

/** The inverse of ruleName; null for every other name. */
export function scheduleOfName(stack: string, name: string): Schedule | null {
  if (!name.startsWith(prefixOf(stack))) return null;
  const match = /^(.+)-(full|incr)$/.exec(name.slice(prefixOf(stack).length));
  const policy = match?.[1] ?? '';
  if (!isPolicyName(policy)) return null;
  return { policy, type: match?.[2] === 'full' ? 'full' : 'incremental' };
}

function descriptionOf(stack: string, { policy, type, madeBy }: WantedSchedule): string {
  return `Offsite stack ${stack}: ${type} of policy ${policy}, by fleet file ${madeBy.applied} ${madeBy.sha256}`;
}

function isOurs(stack: string, description: string | undefined): boolean {
  return description?.startsWith(`Offsite stack ${stack}: `) ?? false;
}

function madeByOf(description: string): MadeBy | null {
  const match = /by fleet file (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) ([0-9a-f]{64})$/.exec(description);
  return match === null ? null : { applied: match[1] ?? '', sha256: match[2] ?? '' };
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && error.name === 'ResourceNotFoundException';
}
