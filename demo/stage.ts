/** How the story is told: chapters, commands as they would be typed, and their words. */

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { standardStreams } from '../system/process.ts';

const OFFSITE = fileURLToPath(new URL('../bin/offsite', import.meta.url));

export class Stage {
  readonly #out = standardStreams().out;
  readonly #work: string;
  #chapter = 0;

  readonly #environment: () => Record<string, string>;

  /** `work`: the folder that everything happens in; shown as `$D`. `environment`: for the commands. */
  constructor(work: string, environment: () => Record<string, string>) {
    this.#work = work;
    this.#environment = environment;
  }

  chapter(title: string): void {
    const text = `${++this.#chapter}. ${title}`;
    this.say(`\n${this.#paint('1', text)}`);
  }

  say(text: string): void {
    this.#out.write(`${text}\n`);
  }

  /** Text that somebody receives or a program says, set off from the story. */
  quote(text: string, bar = '|'): void {
    for (const line of text.trimEnd().split('\n')) this.say(`   ${this.#paint('2', bar)} ${this.#short(line)}`);
  }

  /** Runs `offsite …` as a person would, shows command and words, and returns what it printed. Throws where it fails. */
  offsite(args: readonly string[], more: { expect?: number; quiet?: boolean } = {}): { out: string; err: string } {
    if (more.quiet !== true)
      this.say(
        `   ${this.#paint(
          '36',
          `$ offsite ${args
            .map(word)
            .map((text) => this.#short(text))
            .join(' ')}`,
        )}`,
      );
    const { status, stdout, stderr } = spawnSync(OFFSITE, args, { encoding: 'utf8', env: this.#environment() });
    if (more.quiet !== true) this.quote(`${stdout}${stderr}`);
    if (status !== (more.expect ?? 0)) throw new Error(`offsite ${args.join(' ')} ended with ${status}:\n${stderr}`);
    return { out: stdout, err: stderr };
  }

  #short(text: string): string {
    return text.replaceAll(this.#work, '$D');
  }

  #paint(style: string, text: string): string {
    return this.#out.isTTY === true ? `\u001b[${style}m${text}\u001b[0m` : text;
  }
}

const word = (text: string) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text}'`);
