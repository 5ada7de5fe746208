import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ERRORS } from '../../contract/errors.ts';
import { pages } from '../../docs/generate.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCES = 'cli demo operator local host-agent functions repository store pgp contract system'.split(' ');

describe('generated pages', () => {
  for (const [name, text] of pages()) {
    it(`${name} is what npm run docs writes`, () => {
      assert.equal(readFileSync(join(ROOT, 'docs', name), 'utf8'), text, 'run npm run docs');
    });
  }

  it('every code has its row', () => {
    const page = pages().get('errors.md') ?? '';
    const rows = [...page.matchAll(/^\| `([a-z-]+)` \| \d+ \| [^|]+ \| [^|]+ \|$/gm)].map((row) => row[1]);
    assert.deepEqual(rows, Object.keys(ERRORS));
  });
});

it('every code is used somewhere', () => {
  const files = SOURCES.flatMap((top) =>
    readdirSync(join(ROOT, top), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && join(top, file) !== 'contract/errors.ts')
      .map((file) => readFileSync(join(ROOT, top, file), 'utf8')),
  );
  const unused = Object.keys(ERRORS).filter((code) => !files.some((source) => source.includes(`'${code}'`)));
  assert.deepEqual(unused, []);
});
