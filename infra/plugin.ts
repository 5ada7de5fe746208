/**
 * What osls does not do by itself: bundle the functions before they are packaged, refuse what would go wrong later, and
 * take away the schedules' rules, which CloudFormation does not know of, before the stack is removed.
 */

import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { clientOptions } from '../functions/aws/clients.ts';
import { EventBridgeSchedules } from '../functions/aws/schedules.ts';
import { removeSchedules } from '../functions/reconcile.ts';
import { bundleAll } from './bundle.ts';

/** What is used of osls. */
interface Osls {
  readonly service: {
    readonly provider: {
      readonly stackName: string;
      readonly region: string;
      readonly stackParameters: readonly { readonly ParameterKey: string; readonly ParameterValue: string }[];
    };
    readonly functions: Record<string, { environment?: Record<string, string> }>;
  };
}

/** Lambda allows 4 KB of environment, names included. */
const MAX_KEY = 3000;

export default class OffsitePlugin {
  readonly hooks: Record<string, () => Promise<void>>;
  readonly #osls: Osls;

  constructor(osls: Osls) {
    this.#osls = osls;
    this.hooks = {
      'before:package:initialize': async () => {
        assertStackName(this.#osls.service.provider.stackName);
        assertRetention((name) => this.#parameter(name));
      },
      'before:package:createDeploymentArtifacts': bundleAll,
      'before:deploy:deploy': async () => assertOperatorKey(this.#operatorKey()),
      'before:remove:remove': () => this.#removeSchedules(),
    };
  }

  #parameter(name: string): string {
    const { stackParameters } = this.#osls.service.provider;
    return stackParameters.find(({ ParameterKey }) => ParameterKey === name)?.ParameterValue ?? '';
  }

  #operatorKey(): string {
    return this.#osls.service.functions.complete?.environment?.OFFSITE_OPERATOR_KEY ?? '';
  }

  async #removeSchedules(): Promise<void> {
    const { stackName, region } = this.#osls.service.provider;
    const client = new EventBridgeClient(clientOptions({ region }));
    await removeSchedules(new EventBridgeSchedules(client, { stack: stackName, dispatch: '', deadLetters: '' }));
  }
}

/**
 * The rules of a stack's schedules are `<stack>-s-…`: a stack called `offsite-s` would have its own rules among those of
 * the stack `offsite`.
 */
export function assertStackName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(name) || /-s(-|$)/.test(name)) {
    throw new Error(
      `${name} is no name for a stack: lower case letters, digits and hyphens, 31 at most, and no part of it just "s"`,
    );
  }
}

/** Without it no host could be certified and no acceptance believed. */
export function assertOperatorKey(armoured: string): void {
  if (!armoured.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) {
    throw new Error(
      'no public key of the operator: give --param=operatorKey=FILE (public.asc of `offsite keys generate`); it is read from operator.asc by default',
    );
  }
  if (armoured.length > MAX_KEY) {
    throw new Error(
      `the operator's public key has ${armoured.length} characters, more than the ${MAX_KEY} that fit: export it without the signatures of others (gpg --export-options export-minimal --armor --export)`,
    );
  }
}

/** COMPLIANCE is for good: who did not write the sentence did not mean it. */
export function assertRetention(parameter: (name: string) => string): void {
  if (parameter('RetentionMode') !== 'COMPLIANCE' || parameter('ComplianceConfirmed') !== '') return;
  throw new Error('retentionMode COMPLIANCE needs --param=complianceConfirmed=…, the sentence in infra/parameters.yml');
}
