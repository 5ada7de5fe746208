/**
 * What to do about a problem, as commands to type. Pure. Each is a command of this version's command line, but for the
 * fleet file itself, which is applied by whatever runs the stack.
 */

import type { Problem } from '../../contract/problem.ts';
import { quoted } from './words.ts';

export interface NextStep {
  readonly say: string;
  /** Empty where there is nothing to type. */
  readonly type: readonly string[];
}

/** The next step by the first reason's code where that has its own, else by the problem's kind. */
export function nextStep(problem: Problem, store: string): NextStep {
  const code = problem.reasons[0]?.code ?? '';
  const host = problem.host ?? 'HOST';
  const set = problem.set ?? 'SET';
  const run = problem.began.run ?? 'latest';
  const of = `--store ${quoted(store)} --host ${host} --set ${set}`;
  const again = `offsite backup --set ${set}`;
  const full = `offsite backup full --set ${set}`;
  const check = `offsite check --store ${quoted(store)} --operator public.asc`;
  const accept = `offsite accept ${run} ${of} --because 'WHY IT IS GOOD' --key private.asc`;
  const verify = `offsite verify ${run} ${of} --operator public.asc`;
  const runs = `offsite runs ${of}`;
  const look = `offsite ls ${run} ${of} --key private.asc`;

  switch (code) {
    case 'busy':
      return {
        say: `See which run held the set, and once that one has ended, run the backup on ${host} as root:`,
        type: [runs, again],
      };
    case 'script':
      return { say: `Run the script by hand on ${host} as root and mend it. Then there:`, type: [again] };
    case 'command':
      return { say: `See why on ${host}, as root:`, type: [`offsite backup --set ${set}`] };
    case 'host-failed':
      return { say: `docs/errors.md says what the error means. When it is mended, on ${host} as root:`, type: [again] };
    case 'pin':
      return {
        say: `If you have reinstalled ${host}, name its new key in fleet.yml (signingKey) and certify it. If not, somebody else signs as ${host}.`,
        type: [`offsite trust ${host} --fingerprint FINGERPRINT --store ${quoted(store)} --key private.asc`],
      };
    case 'signature':
    case 'shape':
      return {
        say: `The run is not used. Look at what is there, and make a new one on ${host} as root:`,
        type: [verify, again],
      };
    case 'format':
      return { say: `The agent is newer than the stack. Upgrade the stack, then on ${host} as root:`, type: [again] };
    case 'recipients':
      return {
        say: `Add the missing key to recipients in the config of ${host}. Then there, as root:`,
        type: [full],
      };
    case 'object-missing':
    case 'object-damaged':
    case 'object-unhashed':
    case 'source-missing':
    case 'source-damaged':
      return {
        say: `See what is damaged, and start a new chain on ${host} as root:`,
        type: [verify, full],
      };
    case 'changed':
    case 'compressibility':
      return {
        say: `Look at the files on ${host} now. If something encrypts or overwrites them, take ${host} off the network; the newest good backup is not touched by it. If it was an upgrade or a move, say so:`,
        type: [runs, look, accept],
      };
    case 'shrink':
    case 'growth':
      return { say: `See what went or came on ${host}. If it is meant to be so, say so:`, type: [runs, look, accept] };
    case 'base':
      return { say: `Start a new chain on ${host} as root:`, type: [full] };
  }
  switch (problem.kind) {
    case 'missed':
      return { say: `See whether the host is there, and run the backup now on ${host} as root:`, type: [again] };
    case 'late':
      return { say: 'Nothing to do yet: it may still end well. To follow it:', type: [check] };
    case 'failed':
      return { say: `Run the backup again on ${host} as root:`, type: [again] };
    case 'suspect':
      return { say: 'Look into it, and if it is good, say so:', type: [look, accept] };
    case 'partial':
      return { say: 'The backup counts. See what it lacks:', type: [look] };
    case 'fork':
      return {
        say: 'Both runs can be restored; the next one will be a full. Make sure that only one machine is registered as this host:',
        type: [runs],
      };
    case 'unknown-node':
      return {
        say: `Correct the node of ${host} in fleet.yml and apply it. Until then nobody asks ${host} for backups; there, as root:`,
        type: [again],
      };
    case 'unjudged':
      return { say: 'See what is wrong with it; audit tries again every quarter of an hour:', type: [verify] };
    case 'not-dispatched':
      return {
        say: 'Mend what keeps the stack from dispatching (its log says why). Until then, ask a host by hand:',
        type: ['offsite fleet run HOST --wait'],
      };
    case 'not-judged':
      return {
        say: 'The backups are there. Mend what keeps the stack from judging them at once (the log of its function complete says why):',
        type: ['offsite fleet status'],
      };
    case 'fleet-missing':
    case 'fleet-invalid':
      return { say: 'Apply the fleet file again:', type: ['offsite fleet apply fleet.yml'] };
    case 'dead-letters':
      return {
        say: 'Look at them and then empty the queue. Audit finds out by itself what they would have told:',
        type: ['offsite fleet status'],
      };
    case 'no-subscriber':
      return {
        say: 'Subscribe an address, and confirm the mail that comes:',
        type: ['offsite fleet subscribe ADDRESS'],
      };
  }
}
