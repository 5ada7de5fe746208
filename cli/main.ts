/**
 * The command line: one file a command under commands/; this one puts them together and turns errors into exit codes.
 * Only the file of the command that is run is loaded, and what that command needs: a host starts a backup without what
 * restores one.
 */

import { Command, CommanderError } from 'commander';
import { ERRORS, toOffsiteError } from '../contract/errors.ts';
import { VERSION } from '../contract/version.ts';
import { environmentVariable } from '../system/environment.ts';
import { commandLine, setExitCode } from '../system/process.ts';
import { ExitCode } from './exit-code.ts';
import { Output } from './ui/output.ts';

const HELP = `
Exit codes: 0 done and complete, 1 failed, 2 usage or config, 3 done but partial or suspect, 75 busy.

Examples:
  offsite keys generate --name 'Jo Doe' --email jo@example.org --out ~/offsite-keys
  offsite init --store s3://my-backups --recipient ~/offsite-keys/public.asc
  offsite backup
  offsite restore latest --store s3://my-backups --key ~/offsite-keys/private.asc --to /restored`;

/** Every command, in the order of the help. */
const COMMANDS: Readonly<Record<string, () => Promise<(offsite: Command) => void>>> = {
  keys: async () => (await import('./commands/keys.ts')).addKeys,
  init: async () => (await import('./commands/init.ts')).addInit,
  trust: async () => (await import('./commands/trust.ts')).addTrust,
  backup: async () => (await import('./commands/backup.ts')).addBackup,
  runs: async () => (await import('./commands/runs.ts')).addRuns,
  ls: async () => (await import('./commands/ls.ts')).addLs,
  cat: async () => (await import('./commands/cat.ts')).addCat,
  restore: async () => (await import('./commands/restore.ts')).addRestore,
  verify: async () => (await import('./commands/verify.ts')).addVerify,
  accept: async () => (await import('./commands/accept.ts')).addAccept,
  check: async () => (await import('./commands/check.ts')).addCheck,
  fleet: async () => (await import('./commands/fleet.ts')).addFleet,
};

/** The program without its commands. */
function bare(): Command {
  return new Command('offsite')
    .description('Encrypted off-site backup: hosts can write and never read; whoever holds the private key restores.')
    .version(VERSION)
    .option('--config <FILE>', 'host config (else $OFFSITE_CONFIG, else /etc/offsite/config.yml)')
    .option(
      '--store <URL>',
      'file:///dir or s3://bucket[/prefix][?region=R&endpoint=URL] (else $OFFSITE_STORE, else the config)',
    )
    .option('--json', 'print one JSON document on stdout and nothing else')
    .option('--quiet', 'print nothing unless something is wrong')
    .option('--no-color', 'no colors')
    .addHelpText('after', HELP)
    .showHelpAfterError('Run with --help to see how it is used.')
    .exitOverride();
}

/** The program with the one command that these words run; with all of them where they run none, such as for the help. */
async function program(words: readonly string[]): Promise<Command> {
  const [name = ''] = bare().parseOptions([...words]).operands;
  const offsite = bare();
  const needed = Object.hasOwn(COMMANDS, name) ? [COMMANDS[name]] : Object.values(COMMANDS);
  for (const load of needed) (await load?.())?.(offsite);
  return offsite;
}

/** Runs the command line; the exit code. Everything that goes wrong is printed here, once. */
async function main(words: readonly string[]): Promise<number> {
  let code = 0;
  try {
    await (await program(words)).parseAsync([...words], { from: 'user' });
  } catch (error) {
    code = report(error, words);
  }
  return code;
}

function report(error: unknown, words: readonly string[]): number {
  if (error instanceof ExitCode) return error.code;
  const output = new Output({
    json: words.includes('--json'),
    quiet: words.includes('--quiet'),
    color: !words.includes('--no-color') && environmentVariable('NO_COLOR') === undefined,
  });
  if (error instanceof CommanderError) {
    // commander has printed what it had to say: help and version are no errors, the rest is usage.
    if (error.exitCode === 0) return 0;
    const message = error.message.replace(/^error: /, '');
    output.json({ error: { code: 'usage', message, hint: ERRORS.usage.action } });
    return ERRORS.usage.exit;
  }
  const known = toOffsiteError(error);
  output.error(known);
  return known.exitCode;
}

setExitCode(await main(commandLine()));
