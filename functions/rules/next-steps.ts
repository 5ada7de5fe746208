/**
 * What to do about a problem, as commands to type where the operator is. Pure. Each is a command of this version's
 * command line; what is to be done on the host itself is said in words.
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
  const asking = problem.set === null && problem.host !== null ? '' : ` --set ${set}`;
  const again = `offsite fleet run ${host}${asking} --wait --store ${quoted(store)}`;
  const full = `offsite fleet run ${host} full${asking} --wait --store ${quoted(store)}`;
  const status = `offsite fleet status --store ${quoted(store)}`;
  const accept = `offsite accept ${run} ${of} --because 'WHY IT IS GOOD' --key private.asc`;
  const verify = `offsite verify ${run} ${of} --operator public.asc`;
  const runs = `offsite runs ${of}`;
  const look = `offsite ls ${run} ${of} --key private.asc`;

  switch (code) {
    case 'busy':
      return {
        say: 'See which run held the set, and once that one has ended, make the backup:',
        type: [runs, again],
      };
    case 'script':
      return { say: `Run the script by hand on ${host}, as root, and mend it. Then:`, type: [again] };
    case 'command':
      return { say: `See why: run the backup by hand on ${host}, as root:`, type: [`offsite backup --set ${set}`] };
    case 'host-failed':
      return { say: `docs/errors.md says what the error means. When it is mended on ${host}:`, type: [again] };
    case 'not-asked':
      return { say: 'The host was not asked. Ask it by hand:', type: [again] };
    case 'pin':
      return {
        say: `If you have reinstalled ${host}, name its new key in fleet.yml (signingKey) and certify it. If not, somebody else signs as ${host}.`,
        type: [`offsite trust ${host} --fingerprint FINGERPRINT --store ${quoted(store)} --key private.asc`],
      };
    case 'signature':
    case 'shape':
      return {
        say: 'The run is not used. Look at what is there, and make a new one:',
        type: [verify, again],
      };
    case 'format':
      return { say: `The agent on ${host} is newer than the stack. Upgrade the stack, then:`, type: [again] };
    case 'recipients':
      return {
        say: `Add the missing key to recipients in the config of ${host}. Then:`,
        type: [full],
      };
    case 'object-missing':
    case 'object-damaged':
    case 'object-unhashed':
    case 'source-missing':
    case 'source-damaged':
      return {
        say: 'See what is damaged, and start a new chain:',
        type: [verify, full],
      };
    case 'changed':
    case 'compressibility':
      return {
        say: `Look at the files on ${host} now. If something encrypts or overwrites them, take ${host} off the network; the newest good backup is not touched by it. If it was an upgrade or a move, say so:`,
        type: [runs, look, accept],
      };
    case 'after-unusual':
      return {
        say: `Look at the unusual run and at this one. If ${host} is as it should be, accept this one:`,
        type: [runs, look, accept],
      };
    case 'shrink':
    case 'growth':
      return { say: `See what went or came on ${host}. If it is meant to be so, say so:`, type: [runs, look, accept] };
    case 'base':
      return { say: 'Start a new chain:', type: [full] };
  }
  switch (problem.kind) {
    case 'missed':
      return {
        say: `See whether ${problem.host ?? 'the host'} is up and online, and make the backup now:`,
        type: [again],
      };
    case 'late':
      return { say: 'Nothing to do yet: it may still end well. To follow it:', type: [status] };
    case 'failed':
      return { say: 'Make the backup again:', type: [again] };
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
        say: `See under which id ${host} is registered, if it is at all; correct its node in fleet.yml, and apply that:`,
        type: [`offsite fleet discover --store ${quoted(store)}`, 'offsite fleet apply fleet.yml', again],
      };
    case 'unjudged':
      return { say: 'Audit tries again every quarter of an hour. See what is wrong with it:', type: [verify] };
    case 'not-dispatched':
      return {
        say: 'See which hosts lack a backup, and ask those by hand that cannot wait. Why they were not asked, the log of the function dispatch says; where the schedule is gone, applying the fleet file makes it anew:',
        type: [status, `offsite fleet run HOST --store ${quoted(store)}`, 'offsite fleet apply fleet.yml'],
      };
    case 'not-judged':
      return {
        say: 'The backups are there, so it can wait for the morning. Why the function complete does not see them, its log says, or the dead-letter queue. What every host has:',
        type: [status],
      };
    case 'fleet-missing':
    case 'fleet-invalid':
      return { say: 'Apply the fleet file again:', type: ['offsite fleet apply fleet.yml'] };
    case 'dead-letters':
      return {
        say: 'Audit finds out by itself what these events would have told, so it can wait for the morning. Look at them in the queue, and empty it. What every host has:',
        type: [status],
      };
    case 'no-subscriber':
      return {
        say: 'Subscribe an address, and confirm the mail that comes:',
        type: [`offsite fleet subscribe --email ADDRESS --store ${quoted(store)}`],
      };
  }
}
