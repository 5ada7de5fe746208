/** What commands share: global options, and how config, store and keys are found from them. Options are settled here, once. */

import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { OffsiteError } from '../contract/errors.ts';
import type { HostConfig } from '../contract/host-config.ts';
import { DEFAULT_CONFIG, loadConfig, loadRecipients, readKeyFile } from '../host-agent/config.ts';
import { isLocked, type PrivateKey, type PublicKey, readPrivateKey, readPublicKeys } from '../pgp/keys.ts';
import type { Believing } from '../repository/select-run.ts';
import { readTrust } from '../repository/trust.ts';
import type { ObjectStore } from '../store/port.ts';
import { openStore, type StoreOptions } from '../store/wire.ts';
import { type Clock, systemClock } from '../system/clock.ts';
import { environmentVariable } from '../system/environment.ts';
import { stopSignal } from '../system/process.ts';
import { Output } from './ui/output.ts';
import { askSecret, isInteractive } from './ui/prompt.ts';

export interface GlobalOptions {
  readonly config?: string;
  readonly store?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly color?: boolean;
}

/** Options of commands that look into backups. */
export interface KeyOptions {
  readonly key?: string;
  readonly passphraseFile?: string;
  readonly operator?: string;
}

export class Context {
  readonly options: GlobalOptions;
  readonly output: Output;
  readonly clock: Clock = systemClock;
  readonly signal: AbortSignal = stopSignal();

  constructor(options: GlobalOptions) {
    this.options = options;
    const { json = false, quiet = false, color = true } = options;
    this.output = new Output({ json, quiet, color: color && environmentVariable('NO_COLOR') === undefined });
  }

  /** The context of a command, from its own and the global options. */
  static of(command: Command): Context {
    return new Context(command.optsWithGlobals<GlobalOptions>());
  }

  get configFile(): string {
    return this.options.config ?? environmentVariable('OFFSITE_CONFIG') ?? DEFAULT_CONFIG;
  }

  config(): HostConfig {
    return loadConfig(this.configFile);
  }

  recipients(config: HostConfig): Promise<PublicKey[]> {
    return loadRecipients(config, this.configFile);
  }

  /** The store's URL: `--store`, `$OFFSITE_STORE`, or the config's. */
  storeUrl(): string {
    const named = this.options.store ?? environmentVariable('OFFSITE_STORE');
    if (named !== undefined) return named;
    // An operator's machine has no host config, and needs none.
    if (!existsSync(this.configFile)) {
      throw new OffsiteError('config-invalid', `no store is named, and there is no config ${this.configFile}`, {
        hint: 'Give --store URL or set $OFFSITE_STORE; on a host, `offsite init` writes its config.',
      });
    }
    return this.config().store;
  }

  openStore(
    url: string = this.storeUrl(),
    more: Pick<StoreOptions, 'create' | 'limitUpload'> = {},
  ): Promise<ObjectStore> {
    const onRetry = ({ error, wait }: { error: OffsiteError; wait: number }) =>
      this.output.message(`${error.message}; trying again in ${Math.ceil(wait / 1000)} s`);
    return openStore(url, { clock: this.clock, onRetry, signal: this.signal, ...more });
  }

  /** The private key of `--key` or `$OFFSITE_KEY`, unlocked. Throws `usage` where none is named. */
  async privateKey(options: KeyOptions): Promise<PrivateKey> {
    const file = options.key ?? environmentVariable('OFFSITE_KEY');
    if (file === undefined)
      throw new OffsiteError('usage', 'this needs the private key: give --key FILE or set $OFFSITE_KEY');
    const bytes = readKeyFile(file);
    const passphrase = (await isLocked(bytes)) ? await this.#passphrase(options, file) : undefined;
    return readPrivateKey(bytes, file, passphrase);
  }

  hasKey(options: KeyOptions): boolean {
    return (options.key ?? environmentVariable('OFFSITE_KEY')) !== undefined;
  }

  async #passphrase(options: KeyOptions, file: string): Promise<string | undefined> {
    const from = options.passphraseFile ?? environmentVariable('OFFSITE_PASSPHRASE_FILE');
    if (from !== undefined)
      return readKeyFile(from)
        .toString('utf8')
        .replace(/\r?\n$/, '');
    return isInteractive() ? askSecret(`Passphrase of ${file}: `) : undefined;
  }

  /** The trust anchor: `--key`, else `--operator FILE`, else the config's first recipient. Throws `trust-anchor`. */
  async anchor(options: KeyOptions, key?: PrivateKey): Promise<PublicKey[]> {
    if (key !== undefined) return [key.publicKey];
    const keyFile = options.key ?? environmentVariable('OFFSITE_KEY');
    const file = keyFile ?? options.operator;
    if (file !== undefined) return readPublicKeys(readKeyFile(file), file);
    if (this.options.store !== undefined || environmentVariable('OFFSITE_STORE') !== undefined) {
      throw new OffsiteError('trust-anchor', 'no operator key: with --store, give --key FILE or --operator FILE');
    }
    const [first] = await this.recipients(this.config());
    return first === undefined ? [] : [first];
  }

  /** Store, anchor and trust.json: what every command that believes something begins with. */
  async believing(options: KeyOptions & { trust?: string[] }, key?: PrivateKey): Promise<Believing> {
    const anchor = await this.anchor(options, key);
    const store = await this.openStore();
    const trust = await readTrust(store, anchor);
    const alsoTrusted = (options.trust ?? []).map((text) => text.replaceAll(/\s/g, '').toUpperCase());
    return { store, anchor, trust, alsoTrusted, onPassedOver: (text) => this.output.warning(text) };
  }
}
