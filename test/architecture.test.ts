/** The design's arrows, held against every source of this repository; and the checker against violations made for it. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { importsOf } from './architecture/imports.ts';
import { allows, found, refuses } from './architecture/planted.ts';
import { violations } from './architecture/rules.ts';
import { tokenize } from './architecture/tokens.ts';

const ROOT = join(import.meta.dirname, '..');
const NO_SOURCES = /^(?:node_modules|\.git|dist|test\/golden)(?:\/|$)/;

function sourcesOfThisRepository(): Map<string, string> {
  const tops = readdirSync(ROOT, { withFileTypes: true }).filter(({ name }) => !NO_SOURCES.test(name));
  const files = tops.flatMap((top) => {
    if (!top.isDirectory()) return [top.name];
    return readdirSync(join(ROOT, top.name), { recursive: true, encoding: 'utf8' }).map((file) => join(top.name, file));
  });
  const ours = files.filter((file) => file.endsWith('.ts') && !NO_SOURCES.test(file));
  return new Map(ours.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
}

describe('this repository', () => {
  const sources = sourcesOfThisRepository();

  it('keeps the rules', () => {
    assert.deepEqual(violations(sources), []);
  });

  it('is looked at whole: an import that a simple search finds is one that was checked', () => {
    assert.ok(sources.size > 150 && sources.has('cli/main.ts') && sources.has('contract/errors.ts'));
    for (const [file, source] of sources) {
      if (file === 'test/architecture.test.ts') continue;
      const checked = importsOf(tokenize(source, file)).map(({ specifier }) => specifier);
      for (const [, specifier] of source.matchAll(/^(?:import|export|\}) .*?from '(.+?)';$/gm)) {
        assert.ok(checked.includes(specifier ?? ''), `${file} imports ${specifier}`);
      }
    }
  });
});

const importing = (top: string) => `import { a } from '../${top}/x.ts';`;

describe('the checker finds arrows', () => {
  const ORDER = ['contract', 'pgp', 'store', 'repository', 'host-agent', 'operator', 'cli'];

  it('that point up, and lets those pass that point down', () => {
    for (const [floor, top] of ORDER.entries()) {
      for (const [other, target] of ORDER.entries()) {
        const file = `${top}/planted.ts`;
        if (other > floor) refuses(file, importing(target), new RegExp(`imports ${target}/x.ts, which is above it`));
        else allows(file, importing(target));
      }
    }
  });

  it('between siblings', () => {
    for (const [one, other] of [
      ['host-agent', 'functions'],
      ['operator', 'local'],
      ['cli', 'demo'],
    ] as const) {
      refuses(`${one}/planted.ts`, importing(other), /imports its sibling/);
      refuses(`${other}/planted.ts`, importing(one), /imports its sibling/);
    }
  });

  it('of system, which imports errors alone, and is imported by all but contract', () => {
    allows('system/planted.ts', "import { a } from '../contract/errors.ts';");
    for (const top of ['contract', 'store', 'cli'])
      refuses('system/planted.ts', importing(top), /it may only contract\/errors/);
    for (const top of [...ORDER.slice(1), 'functions', 'local', 'demo'])
      allows(`${top}/planted.ts`, importing('system'));
    refuses('contract/planted.ts', importing('system'), /contract imports system\/x\.ts/);
  });

  it('of contract to anything but zod and a hash', () => {
    for (const good of ['zod', 'node:crypto', './x.ts']) allows('contract/planted.ts', `import '${good}';`);
    for (const bad of ['node:fs', 'crypto', 'yaml', 'zod/mini', 'openpgp']) {
      refuses('contract/planted.ts', `import '${bad}';`, /it may import only zod, node:crypto/);
    }
    allows('store/planted.ts', "import 'node:fs'; import 'openpgp';");
  });

  it('to tests, to what is not there, and from folders that the design does not have', () => {
    refuses('cli/planted.ts', importing('test'), /which nobody may/);
    refuses('cli/planted.ts', "import '../store/gone.ts';", /store\/gone\.ts, which is not there/);
    refuses('util/planted.ts', '', /util is no folder of the design/);
    refuses('planted.ts', '', /no folder of the design/);
    allows('test/planted.ts', importing('cli') + importing('contract'));
  });

  const FORMS = [
    "import '../cli/x.ts';",
    'import "../cli/x.ts";',
    "import a from '../cli/x.ts'",
    "import * as a from '../cli/x.ts'",
    "import a, { b } from '../cli/x.ts'",
    "import {\n  a,\n  type b,\n} from\n  '../cli/x.ts'",
    "import { from } from '../cli/x.ts'",
    "import type { a } from '../cli/x.ts'",
    "import { type a } from '../cli/x.ts'",
    "import /* from './x.ts' */ { a } /**/ from // \n '../cli/x.ts'",
    "export * from '../cli/x.ts'",
    "export * as a from '../cli/x.ts'",
    "export { a as b } from '../cli/x.ts'",
    "export type { a } from '../cli/x.ts'",
    "const a = await import('../cli/x.ts')",
    'const a = await import(`../cli/x.ts`)',
    "const a = async () => (await import(/* lazily */ '../cli/x.ts')).b",
    "const a = `$X{await import('../cli/x.ts')}`".replace('X', ''),
    "const a = `{$X{`}$X{await import('../cli/x.ts')}`}`".replaceAll('X', ''),
    "let a: typeof import('../cli/x.ts')",
    "let a: import('../cli/x.ts').b",
    "const a = require('../cli/x.ts')",
    "const a = import.meta.resolve('../cli/x.ts')",
    "new Worker(new URL('../cli/x.ts', import.meta.url))",
    String.raw`import '../\x63li/x.ts'`,
    "const a = b / 2; import '../cli/x.ts'; const c = 1 / 2",
    "const a = /'/; import '../cli/x.ts'; const c = /'/",
    "const a = /[/'\"`]/g.test(`'`); import '../cli/x.ts'",
    "const a = '\\''; import '../cli/x.ts'",
    "#!/usr/bin/env node\nimport '../cli/x.ts'",
    "import '../host-agent/../cli/x.ts'",
  ];
  for (const form of FORMS) {
    it(`in the form ${JSON.stringify(form)}`, () =>
      refuses('store/planted.ts', form, /store\/planted\.ts:\d+: imports cli\/x\.ts/));
  }

  it('that it cannot follow', () => {
    for (const form of [
      'import(name)',
      "import('../cli/' + name)",
      'import(`../$X{name}`)'.replace('X', ''),
      'require(name)',
    ]) {
      refuses('cli/planted.ts', form, /imports what is not a plain text/);
    }
  });

  it('only where there are any', () => {
    for (const source of [
      "// import '../cli/x.ts';\n/* export * from '../cli/x.ts' */",
      `const a = "import '../cli/x.ts'"; const b = \`export * from '../cli/x.ts'\`;`,
      "const a = /import '..\\/cli'/;",
      "a.import('../cli/x.ts'); const b = { import: '../cli/x.ts' }; import.meta.url;",
      "export const a = 1; export { a as from }; const b = '../cli/x.ts';",
      "new URL('../bin/offsite', import.meta.url)",
    ]) {
      allows('store/planted.ts', source);
    }
  });

  it('or says what it cannot read', () => {
    assert.throws(() => found({ 'cli/planted.ts': "\nconst a = 'no end\n" }), /cli\/planted\.ts:2: cannot read/);
  });
});

describe('the checker finds cycles', () => {
  const cyclic = (planted: Record<string, string>) => found(planted).filter((one) => one.includes('a cycle'));

  it('of any length and any kind of import, in any folder', () => {
    for (const top of ['contract', 'cli', 'test', 'system']) {
      const two = { [`${top}/a.ts`]: "import './b.ts'", [`${top}/b.ts`]: "import type { a } from './a.ts'" };
      assert.deepEqual(cyclic(two), [`${top}/a.ts:1: a cycle: ${top}/a.ts > ${top}/b.ts > ${top}/a.ts`]);
    }
    const three = {
      'cli/a.ts': "export * from './b.ts'",
      'cli/b.ts': "await import('./c/d.ts')",
      'cli/c/d.ts': "import '../a.ts'",
    };
    assert.equal(cyclic(three).length, 1);
    assert.equal(cyclic({ 'cli/a.ts': "import './a.ts'" }).length, 1);
  });

  it('only where there are any', () => {
    const diamond = {
      'cli/a.ts': "import './b.ts'; import './c.ts'",
      'cli/b.ts': "import './d.ts'",
      'cli/c.ts': "import './d.ts'",
      'cli/d.ts': '',
    };
    assert.deepEqual(found(diamond), []);
  });
});
