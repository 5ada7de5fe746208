/**
 * allowedPattern as the real agent treats it: it compiles the pattern with Go's RE2, which knows no look-around and no
 * back-reference, and repeats nothing more than 1,000 times. A pattern beyond that fails every command, on every host.
 */

import { SsmError } from './error.ts';

const MAX_REPEAT = 1000;

/** The pattern, where the agent can compile it. Throws `InvalidDocumentContent`. */
export function compiled(pattern: string, parameter: string): RegExp {
  const refuse = (why: string) =>
    new SsmError('InvalidDocumentContent', `the agent cannot compile the allowedPattern of ${parameter}: ${why}`);
  if (/\(\?(?:[=!]|<[=!])/.test(pattern)) throw refuse('RE2 knows no look-around');
  if (/\\[1-9]|\\k</.test(pattern)) throw refuse('RE2 knows no back-reference');
  for (const [, least = '', most = ''] of pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    if (Math.max(Number(least), Number(most)) > MAX_REPEAT) throw refuse(`RE2 repeats at most ${MAX_REPEAT} times`);
  }
  try {
    return new RegExp(pattern);
  } catch (error) {
    throw refuse(String(error));
  }
}
