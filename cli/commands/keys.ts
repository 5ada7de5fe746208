import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { OffsiteError } from '../../contract/errors.ts';
import { readKeyFile } from '../../host-agent/config.ts';
import { generateOperatorKey } from '../../pgp/keys.ts';
import { Context } from '../context.ts';

interface Options {
  name: string;
  email: string;
  out: string;
  passphraseFile?: string;
}

export function addKeys(offsite: Command): void {
  const keys = offsite
    .command('keys')
    .description('operator keys')
    .addHelpText(
      'after',
      "\nExample:\n  offsite keys generate --name 'Jo Doe' --email jo@example.org --out ~/offsite-keys",
    );
  keys
    .command('generate')
    .description('make an operator key pair: DIR/public.asc and DIR/private.asc; gpg can import and use both')
    .requiredOption('--name <NAME>', "the owner's name")
    .requiredOption('--email <EMAIL>', "the owner's email address")
    .requiredOption('--out <DIR>', 'where the two files go; neither is overwritten')
    .option('--passphrase-file <FILE>', 'lock the private key with the passphrase in this file')
    .addHelpText(
      'after',
      `
Keep private.asc at home and a copy elsewhere: without it no backup can ever be read. It goes to no host and not to AWS.

Example:
  offsite keys generate --name 'Jo Doe' --email jo@example.org --out ~/offsite-keys`,
    )
    .action((options: Options, command: Command) => generate(options, Context.of(command)));
}

async function generate(options: Options, { output, clock }: Context): Promise<void> {
  const passphrase =
    options.passphraseFile &&
    readKeyFile(options.passphraseFile)
      .toString('utf8')
      .replace(/\r?\n$/, '');
  if (passphrase === '') throw new OffsiteError('usage', `${options.passphraseFile} holds no passphrase`);
  const { name, email } = options;
  const made = await generateOperatorKey({ name, email, now: clock.now(), ...(passphrase ? { passphrase } : {}) });
  const [publicFile, privateFile] = [join(options.out, 'public.asc'), join(options.out, 'private.asc')];
  makeFolder(options.out);
  // The public half first: a failure between the two must leave no private key that nobody knows of.
  writeNew(publicFile, made.publicArmored, 0o644);
  try {
    writeNew(privateFile, made.privateArmored, 0o600);
  } catch (error) {
    rmSync(publicFile);
    throw error;
  }
  output.json({
    fingerprint: made.fingerprint,
    public: publicFile,
    private: privateFile,
    locked: passphrase !== undefined,
  });
  output.result(made.fingerprint);
  output.message(
    `public key:  ${publicFile}\nprivate key: ${privateFile}${passphrase ? '' : ' (not locked by a passphrase)'}`,
  );
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new OffsiteError('target-unusable', `${folder} cannot be made: ${String(cause)}`, {
      cause,
      hint: 'Check the folder and the rights to it.',
    });
  }
}

function writeNew(file: string, text: string, mode: number): void {
  try {
    writeFileSync(file, text, { mode, flag: 'wx' });
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST')
      throw new OffsiteError('target-exists', `${file} is there already; it is not overwritten`, { cause });
    throw new OffsiteError('target-unusable', `${file} cannot be written: ${String(cause)}`, { cause });
  }
}
