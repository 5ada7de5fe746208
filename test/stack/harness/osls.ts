/** The real service, deployed by the real osls to whatever answers at the gateway. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument, YAMLSeq } from 'yaml';
import { wholeEnvironment } from '../../../system/environment.ts';
import type { Shimmed, Template } from '../shim/template.ts';
import { type Finished, runToEnd } from './children.ts';
import { REGION, ROOT_KEY } from './ministack.ts';
import { ROOT } from './python.ts';

/** osls wants its config beside the service's files; this one is the real serverless.yml and the shim. */
const CONFIG = '.serverless-under-test.yml';
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
  const service = parseDocument(readFileSync(join(ROOT, 'serverless.yml'), 'utf8'));
  const plugins = service.get('plugins') ?? new YAMLSeq();
  if (!(plugins instanceof YAMLSeq)) throw new Error('serverless.yml: plugins is no list');
  plugins.add('./test/stack/shim/osls-plugin.ts');
  service.set('plugins', plugins);
  writeFileSync(join(ROOT, CONFIG), service.toString({ lineWidth: 0 }));
  const words = [command, '--config', CONFIG, '--region', REGION, '--verbose'];
  for (const [name, value] of Object.entries(parameters)) words.push('--param', `${name}=${value}`);
  try {
    return await runToEnd(process.execPath, [join(ROOT, 'node_modules/osls/bin/serverless.js'), ...words], {
      cwd: ROOT,
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
  } finally {
    rmSync(join(ROOT, CONFIG), { force: true });
  }
}
