/** The story's chapters, in order. Each is a few lines of what happens; how it looks is stage.ts. */

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import type { Publication } from '../functions/ports/notifier.ts';
import type { LocalHost } from '../local/child-process.ts';
import { ManualClock } from '../local/clock.ts';
import { Outbox } from '../local/outbox.ts';
import { LocalStack } from '../local/stack.ts';
import { readPublicKeys } from '../pgp/keys.ts';
import { openStore } from '../store/wire.ts';
import { systemClock } from '../system/clock.ts';
import { wholeEnvironment } from '../system/environment.ts';
import { compareTrees } from './compare.ts';
import { Stage } from './stage.ts';
import { changeTree, makeTree, noise } from './tree.ts';

const HOUR = 3_600_000;
const BY_HAND = fileURLToPath(new URL('by-hand.sh', import.meta.url));

/** Tells the whole story in `work`; true where the restore was identical. `folder`: what to back up instead of our tree. */
export async function tellStory(work: string, folder: string | null): Promise<boolean> {
  return new Story(work, folder).tell();
}

class Story {
  readonly #work: string;
  readonly #stage: Stage;
  readonly #store: string;
  readonly #key: string;
  /** What host carcosa backs up; ours to change. */
  readonly #tree: string;
  readonly #folder: string | null;
  readonly #clock: ManualClock;
  readonly #hosts = new Map<string, LocalHost>();
  readonly #script: string;

  constructor(work: string, folder: string | null) {
    this.#work = work;
    this.#stage = new Stage(work, () => this.#clock.environment());
    this.#store = `file://${join(work, 'store')}`;
    this.#key = join(work, 'operator/private.asc');
    this.#tree = join(work, 'hosts/carcosa/data');
    this.#folder = folder;
    // Some hours ago, so that the story ends in the past (gpg refuses keys from the future), just before a full hour.
    const now = systemClock.now().getTime();
    this.#clock = new ManualClock(new Date(Math.floor(now / HOUR) * HOUR - 7 * HOUR - 5 * 60_000));
    this.#script = join(work, 'hosts/purr/scripts/10-dump-database');
  }

  async tell(): Promise<boolean> {
    const stage = this.#stage;
    stage.say(`Offsite demo. Everything happens in ${this.#work}, below written $D.`);
    this.#makeKeys();
    this.#enrolHosts();
    const stack = await this.#startStack();

    stage.chapter('The schedule fires: a full backup of each host');
    await this.#nextSlot(stack);
    this.#showRuns();

    stage.chapter('Some things change; the next slot stores only the changes');
    for (const change of changeTree(this.#tree)) stage.say(`   carcosa: ${change}`);
    await this.#nextSlot(stack);
    this.#showRuns();

    stage.chapter('Host purr is switched off, and misses its slot');
    this.#host('purr').online = false;
    await this.#nextSlot(stack);

    stage.chapter('Host purr is back');
    this.#host('purr').online = true;
    await this.#nextSlot(stack);

    stage.chapter('A script on purr fails: no backup without its dump');
    this.#writeScript('echo "pg_dump: error: connection to server failed" >&2\nexit 7');
    await this.#nextSlot(stack);
    this.#writeScript(GOOD_SCRIPT);
    stage.say('   The script is mended; the next slot:');
    await this.#nextSlot(stack);

    await this.#damagePart(stack);
    const isIdentical = this.#restore();
    this.#byHand();
    this.#whereItAllIs();
    return isIdentical;
  }

  #makeKeys(): void {
    this.#stage.chapter('The operator makes a key pair; the private half stays at home');
    this.#stage.offsite([
      'keys',
      'generate',
      '--name',
      'Jo Doe',
      '--email',
      'jo@example.org',
      '--out',
      join(this.#work, 'operator'),
    ]);
  }

  #enrolHosts(): void {
    const stage = this.#stage;
    stage.chapter('Two hosts are enrolled; the operator certifies their signing keys');
    mkdirSync(this.#tree, { recursive: true });
    makeTree(this.#tree);
    mkdirSync(join(this.#work, 'hosts/purr/etc'), { recursive: true });
    writeFileSync(join(this.#work, 'hosts/purr/etc/motd'), 'purr\n');
    mkdirSync(join(this.#work, 'hosts/purr/scripts'), { recursive: true });
    this.#writeScript(GOOD_SCRIPT);
    const extra = this.#folder === null ? [] : [this.#folder];
    this.#enrol('carcosa', { paths: [this.#tree, ...extra] });
    this.#enrol('purr', {
      paths: [join(this.#work, 'hosts/purr/etc')],
      scripts: join(this.#work, 'hosts/purr/scripts'),
      alertOutput: true,
      expect: { require: ['.stage/*.sql'] },
    });
    stage.offsite(['trust', 'carcosa', 'purr', '--yes', '--store', this.#store, '--key', this.#key]);
  }

  /** `init` as on a real host; the set it is to back up is then written into its config. */
  #enrol(host: string, set: object): void {
    const home = join(this.#work, 'hosts', host);
    const config = join(home, 'config.yml');
    const recipient = join(this.#work, 'operator/public.asc');
    const state = join(home, 'state');
    this.#stage.offsite([
      'init',
      '--host',
      host,
      '--store',
      this.#store,
      '--recipient',
      recipient,
      '--state',
      state,
      '--config',
      config,
    ]);
    writeFileSync(
      config,
      stringify({
        host,
        store: this.#store,
        recipients: [recipient],
        identity: join(state, 'identity'),
        state,
        sets: { data: set },
      }),
    );
    this.#hosts.set(host, { config, online: true });
  }

  #host(name: string): LocalHost {
    const host = this.#hosts.get(name);
    if (host === undefined) throw new Error(`no host ${name}`);
    return host;
  }

  #writeScript(body: string): void {
    writeFileSync(this.#script, `#!/bin/sh\n${body}\n`);
    chmodSync(this.#script, 0o755);
  }

  async #startStack(): Promise<LocalStack> {
    const stage = this.#stage;
    stage.chapter('The fleet file is applied: who is backed up, and when');
    const anchor = await readPublicKeys(readFileSync(join(this.#work, 'operator/public.asc')), 'the operator key');
    const clock = this.#clock;
    const stack = new LocalStack({
      store: await openStore(this.#store),
      clock,
      anchor,
      hosts: this.#hosts,
      notifier: new Outbox(join(this.#work, 'outbox'), clock, (publication) => this.#showAlert(publication)),
      onAgent: (node, exitCode, output) => {
        const words = output.split('\n').filter((line) => line !== '' && !line.startsWith('done'));
        stage.quote(words.slice(0, 2).join('\n'), `${node} (exit ${exitCode}):`);
      },
    });
    const first = new Date(this.#clock.now().getTime() + 5 * 60_000);
    const fleet = {
      store: this.#store,
      recipients: anchor.map(({ fingerprint }) => fingerprint),
      hosts: { carcosa: { node: 'carcosa', sets: ['data'] }, purr: { node: 'purr', sets: ['data'] } },
      policies: {
        hourly: {
          hosts: ['carcosa', 'purr'],
          full: `cron(0 ${first.getUTCHours()} * * ? *)`,
          incremental: 'cron(0 * * * ? *)',
          deadline: '20m',
        },
      },
    };
    stage.quote(stringify(fleet));
    writeFileSync(join(this.#work, 'fleet.yml'), stringify(fleet));
    await stack.applyFleet(fleet, 'fleet.yml');
    return stack;
  }

  /** To half past the next full hour: past the slot, and past its deadline. */
  async #nextSlot(stack: LocalStack): Promise<void> {
    const hour = Math.ceil(this.#clock.now().getTime() / HOUR) * HOUR;
    this.#stage.say(`   ${new Date(hour).toISOString().slice(11, 16)} UTC: the slot is due`);
    await stack.runUntil(new Date(hour + HOUR / 2));
  }

  #showAlert({ subject, email, sms, critical }: Publication): void {
    const stage = this.#stage;
    stage.say(`   ${this.#clock.now().toISOString().slice(11, 16)} UTC: an alert goes out`);
    stage.quote(`Subject: ${subject}\n\n${email}`, 'email |');
    if (critical) stage.quote(sms, 'SMS   |');
  }

  #showRuns(): void {
    this.#stage.offsite(['runs', '--store', this.#store, '--operator', join(this.#work, 'operator/public.asc')]);
  }

  async #damagePart(stack: LocalStack): Promise<void> {
    const stage = this.#stage;
    stage.chapter('One byte of one part goes bad in the store');
    writeFileSync(join(this.#tree, 'photos/IMG_3000.jpg'), noise(400_000, 'soon damaged'));
    const { out } = stage.offsite(['backup', '--json', '--config', this.#host('carcosa').config], { quiet: true });
    const { run, chain } = JSON.parse(out).runs[0];
    const folder = join(this.#work, 'store/data/carcosa/data', chain, run);
    const part = join(folder, readdirSync(folder)[0] ?? '');
    const bytes = readFileSync(part);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    chmodSync(part, 0o600);
    writeFileSync(part, bytes);
    stage.say(`   carcosa made run ${run}; then a byte was flipped in\n   ${part.replace(this.#work, '$D')}`);
    await stack.deliverEvents();
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(part, bytes);
    stage.say('   (The byte is mended again, so that the restore below can show the newest run.)');
  }

  #restore(): boolean {
    const stage = this.#stage;
    stage.chapter('The worst day: everything is restored from the store, with the private key alone');
    const target = join(this.#work, 'restored');
    stage.offsite([
      'restore',
      'latest',
      '--host',
      'carcosa',
      '--set',
      'data',
      '--store',
      this.#store,
      '--key',
      this.#key,
      '--to',
      target,
    ]);
    const sources = [this.#tree, ...(this.#folder === null ? [] : [this.#folder])];
    let isIdentical = true;
    for (const source of sources) {
      const { entries, bytes, differences } = compareTrees(source, join(target, source));
      isIdentical &&= differences.length === 0;
      const verdict = differences.length === 0 ? 'identical' : `${differences.length} differences`;
      stage.say(`   compared with ${source.replace(this.#work, '$D')}: ${entries} entries, ${bytes} bytes: ${verdict}`);
      if (differences.length > 0) stage.quote(differences.slice(0, 20).join('\n'));
    }
    return isIdentical;
  }

  #byHand(): void {
    const stage = this.#stage;
    stage.chapter('And without any of our software: one file with gpg, zstd and jq');
    const missing = ['gpg', 'zstd', 'jq'].filter((tool) => spawnSync('which', [tool]).status !== 0);
    if (missing.length > 0) {
      stage.say(
        `   Left out: ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} not installed on this machine.`,
      );
      return;
    }
    const home = join(this.#work, 'gnupg');
    mkdirSync(home, { mode: 0o700 });
    const env = { ...wholeEnvironment(), GNUPGHOME: home };
    spawnSync('gpg', ['--batch', '--quiet', '--import', this.#key], { env });
    const { out } = stage.offsite(['runs', '--json', '--host', 'carcosa', '--store', this.#store, '--key', this.#key], {
      quiet: true,
    });
    const [{ run }] = JSON.parse(out).runs;
    const full = join(this.#work, 'store/runs/carcosa/data', run, 'manifest.json');
    const wanted = join(this.#tree, 'photos/IMG_1002.jpg');
    stage.say(
      `   $ sh demo/by-hand.sh $D/store ${full.replace(this.#work, '$D')} ${wanted.slice(1).replace(this.#work.slice(1), '…')}`,
    );
    const { stdout, stderr, status } = spawnSync(BY_HAND, [join(this.#work, 'store'), full, wanted.slice(1)], {
      env,
      maxBuffer: 2 ** 28,
    });
    spawnSync('gpgconf', ['--kill', 'all'], { env });
    const isSame = status === 0 && readFileSync(wanted).equals(stdout);
    if (!isSame) throw new Error(`the file recovered by hand differs: ${stderr}`);
    stage.say(
      `   ${stdout.length} bytes, the same as in the source. (recovery/recover.sh restores whole runs, signatures checked.)`,
    );
  }

  #whereItAllIs(): void {
    const stage = this.#stage;
    stage.chapter('To look at');
    const places: [string, string][] = [
      ['store', 'what a bucket would hold'],
      ['outbox', 'the emails and SMS'],
      ['hosts', "the two hosts' files, configs and state"],
      ['operator', 'the key pair'],
      ['restored', 'what was restored'],
      ['fleet.yml', 'the fleet file'],
    ];
    for (const [name, what] of places) stage.say(`   ${join(this.#work, name).padEnd(this.#work.length + 11)} ${what}`);
    stage.say(`   Try: bin/offsite runs --store ${this.#store} --key ${this.#key}`);
  }
}

const GOOD_SCRIPT = 'printf "CREATE TABLE cats (name text);\\n" > "$OFFSITE_STAGE/cats.sql"';
