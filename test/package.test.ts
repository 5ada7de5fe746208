import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { VERSION } from '../contract/version.ts';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

interface Package {
  version: string;
  license: string;
  type: string;
  bin: Record<string, string>;
  engines: { node: string };
  scripts: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
}
const own = JSON.parse(read('package.json')) as Package;
const lock = JSON.parse(read('package-lock.json')) as {
  version: string;
  packages: Record<string, { resolved?: string; integrity?: string; version?: string; hasInstallScript?: boolean }>;
};

it('the version is the same wherever it stands', () => {
  assert.equal(VERSION, own.version);
  assert.equal(lock.version, own.version);
  assert.match(own.version, /^\d+\.\d+\.\d+$/);
});

it('a Node that is new enough comes with npm ci, and npm run puts it first', () => {
  const [least] = /\d+/.exec(own.engines.node) ?? [];
  const brought = lock.packages['node_modules/node']?.version ?? '';
  assert.ok(Number(least) >= 24 && Number.parseInt(brought, 10) >= Number(least), `${brought} for ${own.engines.node}`);
  assert.ok('node' in own.devDependencies);
});

it('every install script was looked at, and allowed or refused', () => {
  const withScripts = Object.entries(lock.packages).filter(([, one]) => one.hasInstallScript === true);
  // fsevents is for macOS and is not installed elsewhere.
  const names = withScripts
    .map(([path]) => path.split('node_modules/').at(-1) ?? '')
    .filter((name) => name !== 'fsevents');
  // True or false: each was looked at.
  assert.deepEqual(
    names.filter((name) => typeof own.allowScripts[name] !== 'boolean'),
    [],
  );
  assert.equal(own.allowScripts.node, true);
});

it('every package is held to its hash, and comes from the registry that npm is set to', () => {
  for (const [path, { resolved, integrity }] of Object.entries(lock.packages)) {
    if (path === '') continue;
    assert.match(integrity ?? '', /^sha512-/, path);
    assert.ok(resolved === undefined || resolved.startsWith('https://registry.npmjs.org/'), `${path}: ${resolved}`);
  }
});

it('the launcher can be started', () => {
  for (const file of Object.values(own.bin)) assert.ok((statSync(join(ROOT, file)).mode & 0o111) !== 0, file);
});

it('the licence is the one that package.json names, to the letter', () => {
  assert.equal(own.license, 'Apache-2.0');
  const sha = createHash('sha256').update(read('LICENSE')).digest('hex');
  // https://www.apache.org/licenses/LICENSE-2.0.txt
  assert.equal(sha, 'cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30');
});

it('the changelog begins with what is not released yet', () => {
  const headings = [...read('CHANGELOG.md').matchAll(/^## (.+)$/gm)].map((match) => match[1] ?? '');
  assert.equal(headings[0], 'Unreleased');
  for (const heading of headings.slice(1)) assert.match(heading, /^\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d$/);
});
