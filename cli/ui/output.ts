/** Where words go: results to stdout, messages to stderr; with --json one document; with --quiet only what is wrong. */

import { isOffsiteError, type OffsiteError } from '../../contract/errors.ts';
import { standardStreams } from '../../system/process.ts';

export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly color: boolean;
}

export class Output {
  readonly options: OutputOptions;
  readonly #streams = standardStreams();
  #onMessage: (() => void) | undefined;

  constructor(options: OutputOptions) {
    this.options = options;
  }

  /** True where a line may be drawn again and again. */
  get isLive(): boolean {
    return this.#streams.err.isTTY === true && !this.options.json && !this.options.quiet;
  }

  /** Called before each message, so that a progress line makes room. */
  beforeMessage(work: (() => void) | undefined): void {
    this.#onMessage = work;
  }

  /** A result for people; nothing with --json or --quiet. */
  result(text: string): void {
    if (!this.options.json && !this.options.quiet) this.#write('out', `${text}\n`);
  }

  /** What was asked for, such as a listing: printed with --quiet too. */
  answer(text: string): void {
    if (!this.options.json) this.#write('out', `${text}\n`);
  }

  /** The one document of --json. */
  json(value: unknown): void {
    if (this.options.json) this.#write('out', `${JSON.stringify(value, null, 2)}\n`);
  }

  /** What is being done. */
  message(text: string): void {
    if (!this.options.json && !this.options.quiet) this.#write('err', `${text}\n`);
  }

  /** Something is wrong, or worth a look: also with --quiet. */
  warning(text: string): void {
    this.#write('err', `${this.#paint('33', 'warning:')} ${text}\n`);
  }

  /** An error that ends the command: what, and what to do. With --json it is the document. */
  error(error: OffsiteError): void {
    const { code, message, hint } = error;
    this.json({ error: { code, message, hint } });
    this.failure(error);
  }

  /** The same for people alone: of one among several things, which has its place in the document of --json. */
  failure(error: OffsiteError): void {
    const { message, hint } = error;
    this.#write('err', `${this.#paint('31', 'error:')} ${message}\n${hint === '' ? '' : `  ${hint}\n`}`);
    if (isOffsiteError(error, 'internal') && error.cause instanceof Error) this.#write('err', `${error.cause.stack}\n`);
  }

  /** Raw bytes to stdout; resolves when they are taken. */
  bytes(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#streams.out.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
  }

  /** Draws on stderr without a newline. */
  draw(text: string): void {
    this.#streams.err.write(text);
  }

  get columns(): number {
    return this.#streams.err.columns ?? 80;
  }

  #write(to: 'out' | 'err', text: string): void {
    this.#onMessage?.();
    this.#streams[to].write(text);
  }

  #paint(color: string, text: string): string {
    return this.options.color && this.#streams.err.isTTY === true ? `\u001b[${color}m${text}\u001b[0m` : text;
  }
}
