/** Reading the host's config file and the keys that it names. */

import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { OffsiteError } from '../contract/errors.ts';
import { type HostConfig, parseHostConfig } from '../contract/host-config.ts';
import { assertRecipients, type PublicKey, readPublicKeys } from '../pgp/keys.ts';
import { machineName } from '../system/environment.ts';

export const DEFAULT_CONFIG = '/etc/offsite/config.yml';

/** Parses a file that a person wrote in YAML. Throws the given code, naming the file and the line. */
export function readYaml(file: string, code: 'config-invalid' | 'fleet-invalid'): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new OffsiteError(code, `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined)
    throw new OffsiteError(code, `${file} is not valid YAML: ${error.message}`, { cause: error });
  return document.toJS({ maxAliasCount: 100 });
}

/** Reads and checks the config file. Throws `config-invalid`. */
export function loadConfig(file: string): HostConfig {
  return parseHostConfig(readYaml(file, 'config-invalid'), file);
}

/** The host's name: the configured one, or the machine's. */
export const hostNameOf = (config: HostConfig): string => config.host ?? machineName();

/** The recipients' public keys; relative names are beside the config file. Throws `key-unreadable` or `recipient-unusable`. */
export async function loadRecipients(config: HostConfig, configFile: string): Promise<PublicKey[]> {
  const keys: PublicKey[] = [];
  for (const name of config.recipients) {
    const file = resolve(dirname(configFile), name);
    keys.push(...(await readPublicKeys(readKeyFile(file), file)));
  }
  await assertRecipients(keys);
  return keys;
}

/** The bytes of a key file. Throws `key-unreadable`. */
export function readKeyFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new OffsiteError(
      'key-unreadable',
      `${file} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}
