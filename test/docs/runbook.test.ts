import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { ALERT_CODES, NOTICE_CODES } from '../../functions/rules/codes.ts';

const text = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');

describe('docs/runbook.md', () => {
  test('has a heading for every alert code and no other', () => {
    const codes = Object.entries(ALERT_CODES).flatMap(([kind, codes]) => codes.map((code) => `${kind}/${code}`));
    const headings = [...text.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
    assert.deepEqual(headings.sort(), codes.sort());
  });

  test('has something to type and an end under every heading', () => {
    for (const section of text.split(/^### /m).slice(1)) {
      assert.match(section, /```\n(offsite .+\n)+```/, section);
      assert.match(section, /^Over when: .+/m, section);
    }
  });

  test('names commands of the command line alone', () => {
    const commands = readFileSync(new URL('../../cli/main.ts', import.meta.url), 'utf8').toLowerCase();
    for (const [, command] of text.matchAll(/^offsite ([a-z]+)/gm))
      assert.match(commands, new RegExp(`add${command}\\b`));
  });

  test('explains every notice', () => {
    const rows = [...text.matchAll(/^\| ([a-z-]+) \|/gm)].map(([, code]) => code).filter((code) => code !== 'code');
    assert.deepEqual(rows.sort(), [...NOTICE_CODES].sort());
  });
});
