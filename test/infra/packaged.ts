/** The service as `osls package` makes it: without credentials, without a network, once for each test process. */

import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Template } from './template.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NO_NETWORK = fileURLToPath(new URL('./no-network.mjs', import.meta.url));

export interface Packaged {
  readonly template: Template;
  readonly seconds: number;
  /** By function: the files in its zip, and the zip's size. */
  readonly zips: Readonly<Record<string, { files: string[]; bytes: number }>>;
  /** The folder that osls wrote. */
  readonly folder: string;
}

/** Packages with these `--param`s. Rejects with what osls said. */
export async function packaged(parameters: Record<string, string> = {}): Promise<Packaged> {
  const folder = temporaryFolder('package');
  const options = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  const began = performance.now();
  await run(join(ROOT, 'node_modules/.bin/osls'), ['package', '--package', folder, ...options], {
    cwd: service(),
    env: environment(),
  }).catch((error: { stdout: string; stderr: string }) => {
    throw new Error(`${error.stdout}${error.stderr}`);
  });
  const seconds = (performance.now() - began) / 1000;
  const template = JSON.parse(
    readFileSync(join(folder, 'cloudformation-template-update-stack.json'), 'utf8'),
  ) as Template;
  const zips: Record<string, { files: string[]; bytes: number }> = {};
  for (const name of ['dispatch', 'complete', 'audit', 'reconcile']) {
    const zip = join(folder, `${name}.zip`);
    zips[name] = { files: filesOf(readFileSync(zip)), bytes: statSync(zip).size };
  }
  return { template, seconds, zips, folder };
}

let once: Promise<Packaged> | undefined;

/** With the parameters' defaults. */
export function packagedByDefault(): Promise<Packaged> {
  once ??= packaged();
  return once;
}

/** Gone when the process ends. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `offsite-${name}-`));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What packaging needs nothing of, or what is linked instead. */
const ELSEWHERE = ['node_modules', 'test', 'docs', 'bench'];
let copied: string | undefined;

/** The project in a folder of this process's own: osls keeps its intermediate files in the service's folder. */
function service(): string {
  if (copied !== undefined) return copied;
  copied = temporaryFolder('service');
  for (const name of readdirSync(ROOT)) {
    if (name.startsWith('.') || ELSEWHERE.includes(name)) continue;
    cpSync(join(ROOT, name), join(copied, name), { recursive: true });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copied, 'node_modules'));
  return copied;
}

/** No credentials of any kind; and whoever opens a connection dies. */
function environment(): Record<string, string> {
  const path = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
  return {
    PATH: path,
    HOME: '/nonexistent',
    NODE_OPTIONS: `--import=${NO_NETWORK}`,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

/** Names in a zip's central directory (APPNOTE.TXT, 4.3.12). */
function filesOf(zip: Buffer): string[] {
  const files: string[] = [];
  for (let at = zip.indexOf('PK\x01\x02'); at >= 0; at = zip.indexOf('PK\x01\x02', at + 46)) {
    files.push(zip.toString('utf8', at + 46, at + 46 + zip.readUInt16LE(at + 28)));
  }
  return files;
}
