import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allows, found, refuses } from './planted.ts';

describe('the checker finds what only system/ may touch', () => {
  const TOUCHING: [what: string, sources: string[]][] = [
    [
      'clock',
      [
        'Date.now()',
        'const { a = Date.now } = b',
        'new Date()',
        'new Date',
        'new Date( /* now */ )',
        'Date()',
        'const a = `$X{Date.now()}`'.replace('X', ''),
        'setTimeout(a, 1)',
        'globalThis\n.setTimeout',
        'setInterval(a, 1)',
        'setImmediate(a)',
        'performance.now()',
        'const a = b ? performance : c',
        'AbortSignal.timeout(1)',
        "import 'node:timers'",
        "import { setTimeout as sleep } from 'node:timers/promises'",
        "import 'timers/promises'",
        "await import('node:perf_hooks')",
        'Temporal.Now',
      ],
    ],
    [
      'environment',
      ["import { hostname } from 'node:os'", "import { type a, homedir as h } from 'os'", "import os from 'node:os'"],
    ],
    [
      'process',
      [
        'process.env.A',
        'process.exit(1)',
        "process['env']",
        'const { env } = process',
        'f(process)',
        "import 'node:process'",
        'globalThis.a',
      ],
    ],
    [
      'randomness',
      [
        'Math.random()',
        'crypto.subtle',
        'a.randomBytes(1)',
        'const { randomUUID } = a',
        'webcrypto.getRandomValues(a)',
      ],
    ],
  ];
  for (const [what, sources] of TOUCHING) {
    for (const source of sources) {
      it(`${what}: ${source}`, () => {
        const all = found({ 'store/planted.ts': source });
        assert.ok(all.length > 0);
        for (const one of all) assert.match(one, /^store\/planted\.ts:\d+: touches the .* which only system\/ may$/);
        if (!source.includes('globalThis')) assert.match(all[0] ?? '', new RegExp(`touches the ${what}`));
        for (const top of ['system', 'test', 'bench', 'docs', 'bin']) allows(`${top}/planted.ts`, source);
      });
    }
  }

  it("randomness: import { randomBytes } from 'node:crypto'", () => {
    refuses(
      'contract/planted.ts',
      "import { createHash, randomBytes } from 'node:crypto'",
      /randomness \(randomBytes\)/,
    );
  });

  it('only where it is touched', () => {
    for (const source of [
      'new Date(0); new Date(clock.now()); Date.parse(a); Date.UTC(1)',
      'clock.now(); a.timeout(1); b.random(); c.process.d; e?.performance',
      'const a = { process: 1, performance: 2 }; interface B { process: string; crypto?: string; process(a: B): void }',
      "// process.env\n/* Date.now() */ const a = 'process.env'; const b = `Date.now()`; const c = /process/;",
      "import { availableParallelism } from 'node:os'",
      "import { createHash, timingSafeEqual } from 'node:crypto'",
      'type A = Date; const b = (c: Date) => c instanceof Date; const toString = 1; const constructor = 2;',
    ]) {
      allows('pgp/planted.ts', source);
    }
  });
});
