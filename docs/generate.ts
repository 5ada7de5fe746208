/**
 * Writes the pages that are made from the sources: `npm run docs`. A test fails while a page is not what it would write.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERRORS } from '../contract/errors.ts';

const HEAD = '<!-- Made by `npm run docs` from contract/errors.ts. Edit that, not this. -->';

/** The generated pages by file name. */
export function pages(): Map<string, string> {
  return new Map([['errors.md', errorsPage()]]);
}

function errorsPage(): string {
  const rows = Object.entries(ERRORS).map(([code, { exit, meaning, action }]) => {
    return `| \`${code}\` | ${exit} | ${cell(meaning)} | ${cell(action)} |`;
  });
  return `${HEAD}

# Errors

Every error has a code that stays the same from version to version: in \`--json\`, in manifests of failed runs, and in
alerts. The message beside it names the file, the object or the value.

Exit codes: 0 done and complete, 1 failed, 2 usage or config, 3 done but partial or suspect, 75 busy. Of several sets the
worst counts: 1, then 3, then 75, then 0.

| code | exit | what happened | what to do |
|---|---|---|---|
${rows.join('\n')}
`;
}

/** Text for a cell of a table. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (import.meta.main) {
  for (const [name, text] of pages()) writeFileSync(join(import.meta.dirname, name), text);
}
