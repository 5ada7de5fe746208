import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { OffsiteError } from '../../contract/errors.ts';
import { parseHostConfig } from '../../contract/host-config.ts';
import { isHostName } from '../../contract/ids.ts';
import { callerOf } from '../../host-agent/caller.ts';
import { readKeyFile } from '../../host-agent/config.ts';
import { openIdentity, registerKey } from '../../host-agent/identity.ts';
import { assertRecipients, readPublicKeys } from '../../pgp/keys.ts';
import { environmentVariable, machineName } from '../../system/environment.ts';
import { Context } from '../context.ts';

interface Options {
  recipient: string[];
  host?: string;
  state?: string;
  identity?: string;
  path?: string[];
  aws?: boolean;
}

export function addInit(offsite: Command): void {
  offsite
    .command('init')
    .description("write this host's config, make its signing key, and register the public half in the store")
    .requiredOption('--recipient <FILE...>', 'public key files; whoever has the private halves can restore')
    .option('--host <NAME>', "the host's name (else the machine's)")
    .option('--path <PATH...>', 'what to back up, for a first config (else /etc and /home)')
    .option('--state <DIR>', 'state folder (else /var/lib/offsite); with it alone the identity is DIR/identity')
    .option('--identity <DIR>', 'identity folder (else /etc/offsite/identity)')
    .option('--aws', 'refuse unless the credentials here are those of a host of the stack')
    .addHelpText(
      'after',
      `
The config is written to --config FILE (else /etc/offsite/config.yml); a file that is there is not overwritten.
Afterwards the operator runs 'offsite trust HOST'.

Example:
  offsite init --store s3://my-backups --recipient me.asc escrow.asc --host carcosa`,
    )
    .action((options: Options, command: Command) => init(options, Context.of(command)));
}

async function init(options: Options, context: Context): Promise<void> {
  const { output, configFile, clock } = context;
  if (existsSync(configFile))
    throw new OffsiteError('config-exists', `${configFile} is there already; it is not overwritten`);
  const url = context.options.store ?? environmentVariable('OFFSITE_STORE');
  if (url === undefined) throw new OffsiteError('usage', 'init needs --store URL, or $OFFSITE_STORE');
  const host = options.host ?? machineName();
  if (!isHostName(host)) throw new OffsiteError('usage', `${host} is no valid host name; give one with --host`);
  const identity = options.identity ?? (options.state === undefined ? undefined : join(options.state, 'identity'));
  const value = {
    host,
    store: url,
    recipients: options.recipient.map((file) => resolve(file)),
    ...(identity === undefined ? {} : { identity: resolve(identity) }),
    ...(options.state === undefined ? {} : { state: resolve(options.state) }),
    sets: { data: { paths: (options.path ?? ['/etc', '/home']).map((path) => resolve(path)) } },
  };
  const config = parseHostConfig(value, configFile);
  for (const file of value.recipients) await assertRecipients(await readPublicKeys(readKeyFile(file), file));

  const store = await context.openStore(url, { create: true });
  const { prefix } = await callerOf(url, host, { aws: options.aws === true });
  const made = await openIdentity(config.identity, { prefix, host }, clock.now(), (text) => output.warning(text));
  await registerKey(store, made);
  // Last, so that a failed init can simply be run again.
  writeConfig(configFile, `# Offsite host config; every key and its default: docs/config.md\n${stringify(value)}`);

  const { fingerprint } = made.signingKey;
  output.json({ host, prefix, fingerprint, config: configFile, store: store.url });
  output.result(`${host} ${fingerprint}`);
  output.message(
    `config written: ${configFile}\nNext: look at its sets, then the operator runs 'offsite trust ${host}' with this fingerprint at hand.`,
  );
}

function writeConfig(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    throw new OffsiteError('target-unusable', `${file} cannot be written: ${String(cause)}`, {
      cause,
      hint: 'Check the folder and the rights to it.',
    });
  }
}
