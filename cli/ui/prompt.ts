/** Questions on a terminal. Without one nothing is asked, and the caller says which option to give instead. */

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { standardStreams } from '../../system/process.ts';

export function isInteractive(): boolean {
  const { in: input, err } = standardStreams();
  return input.isTTY === true && err.isTTY === true;
}

/** Asks a question that is answered by yes or no; no by default. */
export async function confirm(question: string): Promise<boolean> {
  const { in: input, err } = standardStreams();
  const lines = createInterface({ input, output: err });
  try {
    return /^y(es)?$/i.test((await lines.question(`${question} [y/N] `)).trim());
  } finally {
    lines.close();
  }
}

/** Asks for a secret without showing it. */
export async function askSecret(question: string): Promise<string> {
  const { in: input, err } = standardStreams();
  err.write(question);
  const silent = new Writable({ write: (_bytes, _encoding, done) => done() });
  const lines = createInterface({ input, output: silent, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    err.write('\n');
  }
}
