/** Why there is no backup where there is no manifest to say it: the reasons and troubles of silence. Pure. */

import { OffsiteError } from '../../contract/errors.ts';
import { instantText } from '../../contract/ids.ts';
import type { Expected } from '../../contract/verdict.ts';
import type { Trouble } from './alerts.ts';
import { bound, type CodedReason, utc } from './findings.ts';
import type { AskedRun } from './slots.ts';

/** A node that the command service does not know, told when its slot is dispatched. */
export function troubleOfUnknownNode(
  { policy, due }: Pick<Expected, 'policy' | 'due'>,
  { host, node, why }: { host: string; node: string; why: string },
): Trouble {
  const incident = { policy, due, run: null, at: due };
  return { kind: 'unknown-node', host, set: null, incident, reasons: [unknownNode(node, why)] };
}

/** A slot of a policy that left hosts unasked, by the verdicts about its runs. */
export function troubleOfNotDispatched(
  { policy, due, deadline }: { policy: string; due: Date; deadline: Date },
  { notAsked, asked, isClaimed }: { notAsked: number; asked: number; isClaimed: boolean },
): Trouble {
  const at = instantText(due);
  const runs = notAsked === asked ? `all ${asked} runs` : `${notAsked} of ${asked} runs`;
  const how = isClaimed ? 'dispatch began, and did not send all of its commands' : 'dispatch did not run at all';
  const text = `never asked for by the deadline, ${utc(deadline)}: ${asked === 1 ? 'the only run' : runs} of the slot due ${utc(due)}; ${how}`;
  const brief = notAsked === asked ? 'nobody was asked' : `${runs} not asked`;
  const reason = bound({ code: 'not-dispatched', text, brief });
  const incident = { policy, due: at, run: null, at };
  return { kind: 'not-dispatched', host: null, set: null, policy, incident, reasons: [reason] };
}

/** Manifests of a slot that nobody judged before audit did. */
export function troubleOfNotJudged({ policy, due }: { policy: string; due: Date }, count: number): Trouble {
  const at = instantText(due);
  const text = `${count} runs of the slot of policy ${policy} due ${utc(due)} had left manifests, and none had a verdict before audit came`;
  const reason = bound({ code: 'not-judged', text, brief: `${count} runs of ${policy}` });
  return { kind: 'not-judged', host: null, set: null, incident: { policy, due: at, run: null, at }, reasons: [reason] };
}

/** A run past its deadline that audit could not judge. */
export function troubleOfUnjudged(
  { policy, due }: { policy: string; due: Date },
  asked: AskedRun,
  error: unknown,
): Trouble {
  const { host, set, run } = asked;
  const at = instantText(due);
  const code = error instanceof OffsiteError ? error.code : '';
  const text = `audit could not judge it: ${error instanceof Error ? error.message : String(error)}`;
  const reason = bound({ code: 'unjudged', text, brief: code === '' ? '' : `error ${code}` });
  return { kind: 'unjudged', host, set, incident: { policy, due: at, run, at }, reasons: [reason] };
}

export function unknownNode(node: string, why: string): CodedReason {
  return bound({ code: 'unknown-node', text: `node ${node}: ${why}`, brief: `node ${node}` });
}

/** Nothing came at all. */
export function neverStarted(node: string, deadline: Date): CodedReason {
  const text = `never started: nothing came from node ${node} by the deadline, ${utc(deadline)}`;
  return { code: 'never-started', text };
}

/** Nobody asked for it: its slot was not dispatched, or its batch was not sent. */
export function notAsked(node: string, deadline: Date): CodedReason {
  const text = `never asked: no command was sent to node ${node} by the deadline, ${utc(deadline)}`;
  return { code: 'not-asked', text };
}

/** Another run held the set for all the time that there was. */
export function busy(by: string | null, since: string | null): CodedReason {
  const held = by === null ? 'another run' : `run ${by}`;
  const text = `busy with ${held}${since === null ? '' : ` since ${utc(new Date(since))}`}`;
  return bound({ code: 'busy', text, brief: by === null ? 'busy' : `busy with ${by}` });
}

/** It began, and then nothing more was heard of it for days. */
export function neverFinished(started: Date, alive: Date): CodedReason {
  const text = `never finished: started at ${utc(started)}, last sign of life at ${utc(alive)}`;
  return { code: 'never-finished', text };
}

/** It began, the deadline has passed, and it may still end well. */
export function stillRunning(started: Date, alive: Date, deadline: Date): CodedReason {
  const text = `running since ${utc(started)}, last sign of life at ${utc(alive)}; the deadline was ${utc(deadline)}`;
  return { code: 'still-running', text, brief: 'still running' };
}

/** What the exit codes of the agent's command mean, where the command ended and left no manifest. */
export function commandFailed(exitCode: number): CodedReason {
  const meaning = EXIT_CODES[exitCode] ?? (exitCode > 128 ? `killed by signal ${exitCode - 128}` : 'failed');
  const text = `the command ended with exit code ${exitCode} (${meaning}) and left no manifest`;
  return { code: 'command', text, brief: `exit code ${exitCode}` };
}

const EXIT_CODES: Record<number, string> = {
  2: 'usage or config',
  126: 'the agent cannot be executed',
  127: 'no agent is installed at /opt/offsite',
};
