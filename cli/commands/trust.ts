import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import { type Candidate, certify, findCandidates } from '../../operator/trust.ts';
import { Context, type KeyOptions } from '../context.ts';
import { confirm, isInteractive } from '../ui/prompt.ts';

interface Options extends KeyOptions {
  fingerprint?: string;
  yes?: boolean;
}

export function addTrust(offsite: Command): void {
  offsite
    .command('trust')
    .description("certify hosts' signing keys in the store's trust.json")
    .argument('<host...>', 'names of hosts that have run init')
    .option('--key <FILE>', "the operator's private key (else $OFFSITE_KEY)")
    .option('--passphrase-file <FILE>', 'its passphrase (else $OFFSITE_PASSPHRASE_FILE; a terminal is asked)')
    .option('--fingerprint <FPR>', 'certify this key of the one host, also where it has another certified one')
    .option('--yes', 'do not ask')
    .addHelpText(
      'after',
      `
Compare the fingerprint with what 'offsite init' printed on the host. A host's first key is certified from its first
run on; a further one only with --fingerprint, from the next run on.

Example:
  offsite trust carcosa purr --store s3://my-backups --key ~/offsite-keys/private.asc`,
    )
    .action((hosts: string[], options: Options, command: Command) => trust(hosts, options, Context.of(command)));
}

async function trust(hosts: string[], options: Options, context: Context): Promise<void> {
  const { output, clock } = context;
  if (options.fingerprint !== undefined && hosts.length > 1) {
    throw new OffsiteError('usage', '--fingerprint goes with one host');
  }
  const key = await context.privateKey(options);
  const believing = await context.believing(options, key);
  const candidates: Candidate[] = [];
  for (const host of hosts) candidates.push(await findCandidates(believing, host, options.fingerprint));
  for (const { host, fingerprint, isCertified } of candidates) {
    output.message(`${host}  ${fingerprint}${isCertified ? '  (certified already)' : ''}`);
  }
  const fresh = candidates.filter(({ isCertified }) => !isCertified);
  if (fresh.length > 0 && options.yes !== true) {
    if (!isInteractive())
      throw new OffsiteError('usage', `not a terminal: look at the fingerprints and give --yes: ${spelt(fresh)}`);
    if (!(await confirm(`Certify ${fresh.length === 1 ? 'this key' : 'these keys'}?`))) {
      throw new OffsiteError('usage', 'nothing was certified');
    }
  }
  const serial =
    fresh.length === 0
      ? (believing.trust?.trust.serial ?? 0)
      : await certify(believing, fresh, { key, now: clock.now() });
  output.json({
    serial,
    certified: candidates.map(({ host, prefix, fingerprint, from }) => ({ host, prefix, fingerprint, from })),
  });
  for (const { host, fingerprint } of fresh) output.result(`certified ${host} ${fingerprint}`);
}

const spelt = (keys: readonly Candidate[]) => keys.map(({ host, fingerprint }) => `${host} ${fingerprint}`).join(', ');
