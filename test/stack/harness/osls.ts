/** The real service, deployed by the real osls to whatever answers at the gateway. */

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument, YAMLSeq } from 'yaml';
import { wholeEnvironment } from '../../../system/environment.ts';
import type { Shimmed, Template } from '../shim/template.ts';
import { type Finished, runToEnd } from './children.ts';
import { REGION, ROOT_KEY } from './ministack.ts';
import { ROOT } from './python.ts';

/** What packaging needs nothing of, or what is linked instead. */
const ELSEWHERE = ['node_modules', 'test', 'docs', 'bench'];
const LIMIT = 3 * 60_000;

export interface Deployment {
  /** As packaged, before the shim. */
  readonly template: Template;
  readonly removed: readonly string[];
  readonly documents: Shimmed['documents'];
  readonly milliseconds: number;
}

interface Where {
  /** The gateway. */
  readonly endpoint: string;
  /** For what the shim writes. */
  readonly folder: string;
}

/** `--param` values by name; `stack` is the stack's name. */
export type Parameters = Readonly<Record<string, string>> & { readonly stack: string };

/** `osls deploy`. */
export async function deploy(parameters: Parameters, where: Where): Promise<Deployment> {
  const { milliseconds } = await osls('deploy', parameters, where);
  const read = (name: string) => JSON.parse(readFileSync(join(where.folder, name), 'utf8'));
  return { template: read('template.json'), ...read('shimmed.json'), milliseconds };
}

/** `osls remove`. */
export async function remove(parameters: Parameters, where: Where): Promise<void> {
  await osls('remove', parameters, where);
}

async function osls(command: 'deploy' | 'remove', parameters: Parameters, where: Where): Promise<Finished> {
  const service = serviceIn(join(where.folder, 'service'));
  const words = [command, '--region', REGION, '--verbose'];
  for (const [name, value] of Object.entries(parameters)) words.push('--param', `${name}=${value}`);
  return runToEnd(process.execPath, [join(ROOT, 'node_modules/osls/bin/serverless.js'), ...words], {
    cwd: service,
    limit: LIMIT,
    env: {
      ...wholeEnvironment(),
      AWS_ENDPOINT_URL: where.endpoint,
      AWS_ACCESS_KEY_ID: ROOT_KEY.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT_KEY.secretAccessKey,
      AWS_REGION: REGION,
      OFFSITE_STACK_SHIM: where.folder,
      SLS_TELEMETRY_DISABLED: '1',
    },
  });
}

/** The project as it is checked out, in a folder of its own, and with the shim among its plugins. */
function serviceIn(folder: string): string {
  if (existsSync(folder)) return folder;
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(ROOT)) {
    if (!name.startsWith('.') && !ELSEWHERE.includes(name)) {
      cpSync(join(ROOT, name), join(folder, name), { recursive: true });
    }
  }
  cpSync(join(ROOT, 'test/stack/shim'), join(folder, 'test/stack/shim'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const file = join(folder, 'serverless.yml');
  const service = parseDocument(readFileSync(file, 'utf8'));
  const plugins = service.get('plugins') ?? new YAMLSeq();
  if (!(plugins instanceof YAMLSeq)) throw new Error('serverless.yml: plugins is no list');
  plugins.add('./test/stack/shim/osls-plugin.ts');
  service.set('plugins', plugins);
  writeFileSync(file, service.toString({ lineWidth: 0 }));
  return folder;
}
