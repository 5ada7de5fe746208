import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Problem, ProblemKind } from '../../contract/problem.ts';
import { ALERT_CODES, NOTICE_CODES } from '../../functions/rules/codes.ts';
import { nextStep } from '../../functions/rules/next-steps.ts';

const problemOf = (kind: ProblemKind, code: string) =>
  ({
    ...{ kind, host: 'carcosa', set: 'data', reasons: [{ code, text: code }] },
    began: { policy: null, due: null, run: null, at: '2026-11-21T04:00:00Z' },
  }) as unknown as Problem;

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

  test('has under every heading what the message of that code says to type', () => {
    for (const [kind, codes] of Object.entries(ALERT_CODES) as [ProblemKind, readonly string[]][]) {
      for (const code of codes) {
        const section = text.split(`\n### ${kind}/${code}\n`)[1]?.split('\n### ')[0] ?? '';
        const { type } = nextStep(problemOf(kind, code), 's3://my-backups');
        assert.ok(type.length > 0, code);
        for (const command of type) {
          const verb = /^offsite (fleet [a-z-]+|[a-z]+)/.exec(command)?.[0] ?? command;
          assert.ok(section.includes(`\n${verb} `), `${kind}/${code}: ${command}`);
        }
      }
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
