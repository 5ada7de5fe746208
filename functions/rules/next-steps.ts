/** What to do about a problem, as commands to type. Pure. Each is a real command of the command line. */

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
  const again = `offsite fleet run ${host} --wait`;
  const accept = `offsite accept ${run} ${of} --because 'WHY IT IS GOOD' --key private.asc`;
  const verify = `offsite verify ${run} ${of} --operator public.asc`;
  const look = `offsite ls ${run} ${of} --key private.asc`;
  const apply = 'offsite fleet apply fleet.yml';

  switch (code) {
    case 'busy':
      return {
        say: 'See which run held the set, and run the backup once that one has ended:',
        type: [`offsite runs ${of}`, again],
      };
    case 'script':
      return { say: `Run the script by hand on ${host} as root and mend it. Then:`, type: [again] };
    case 'command':
      return { say: `See why on ${host}, as root:`, type: [`offsite backup --set ${set}`] };
    case 'host-failed':
      return { say: `docs/errors.md says what the error means. When it is mended on ${host}:`, type: [again] };
    case 'pin':
      return {
        say: `If you have reinstalled ${host}, name its new key in fleet.yml (signingKey) and certify it. If not, somebody else signs as ${host}.`,
        type: [`offsite trust ${host} --fingerprint FINGERPRINT --key private.asc`, apply],
      };
    case 'signature':
    case 'shape':
      return { say: 'The run is not used. Look at what is there, and make a new one:', type: [verify, again] };
    case 'format':
      return { say: 'The agent is newer than the stack. Upgrade the stack, then:', type: [again] };
    case 'recipients':
      return {
        say: `Add the missing key to recipients in the config of ${host}. Then:`,
        type: [`offsite fleet run ${host} full --wait`],
      };
    case 'object-missing':
    case 'object-damaged':
    case 'object-unhashed':
    case 'source-missing':
    case 'source-damaged':
      return {
        say: 'See what is damaged, and start a new chain:',
        type: [verify, `offsite fleet run ${host} full --wait`],
      };
    case 'base':
      return { say: 'Start a new chain:', type: [`offsite fleet run ${host} full --wait`] };
  }
  switch (problem.kind) {
    case 'missed':
      return { say: 'See whether the host is there, and run the backup now:', type: ['offsite fleet status', again] };
    case 'late':
      return { say: 'Nothing to do yet: it may still end well. To follow it:', type: ['offsite fleet status'] };
    case 'failed':
      return { say: 'Run the backup again:', type: [again] };
    case 'suspect':
      return { say: 'Look into it, and if it is good, say so:', type: [look, accept] };
    case 'partial':
      return { say: 'The backup counts. See what it lacks:', type: [look] };
    case 'fork':
      return {
        say: 'Both runs can be restored; the next one will be a full. Make sure that only one machine is registered as this host:',
        type: [`offsite runs ${of}`],
      };
    case 'unknown-node':
      return {
        say: 'See which nodes there are, and correct the node in fleet.yml. Then:',
        type: ['offsite fleet discover', apply],
      };
    case 'fleet-missing':
    case 'fleet-invalid':
      return { say: 'Apply it again:', type: [apply] };
  }
}
