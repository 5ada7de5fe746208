/** Values in messages for people. */

/** Control and format characters, lone surrogates, and line separators: what moves a cursor or turns writing around. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;
const MAX_LENGTH = 80;

const escaped = (char: string) =>
  Array.from({ length: char.length }, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');

/**
 * A value as JSON, for messages that end on terminals and in mails: one line of 80 characters at most, in which nothing
 * is invisible, whoever wrote the value. `nothing` where there is none.
 */
export function quoted(value: unknown): string {
  if (value === undefined) return 'nothing';
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return 'a value that has no JSON form';
  }
  const shown = text.slice(0, MAX_LENGTH + 1).replace(UNSEEN, escaped);
  return shown.length <= MAX_LENGTH ? shown : `${shown.slice(0, MAX_LENGTH - 3).toWellFormed()}...`;
}
