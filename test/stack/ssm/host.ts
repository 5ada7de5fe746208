/**
 * A simulated host: a root folder of its own, the agent at the path that the document names, credentials that SSM renews
 * in a file, and the part of the SSM agent that runs a document's script.
 */

import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { killProcessGroup } from '../../../system/process.ts';
import type { Credentials } from '../harness/aws.ts';
import { startChild } from '../harness/children.ts';
import { REGION } from '../harness/ministack.ts';
import { ROOT } from '../harness/python.ts';
import type { DocumentContent } from './documents.ts';

/** Where the document expects the agent. It is the one text that is replaced when a script runs here. */
export const AGENT = '/opt/offsite/bin/offsite';

/** The first agent that hands a parameter over in the environment; older ones put its text into the script. */
const FIRST_WITH_ENVIRONMENT = '3.3.2746.0';

interface HostOptions {
  /** `mi-…` or `i-…`. */
  readonly node: string;
  readonly agentVersion?: string;
  /** The gateway. */
  readonly endpoint: string;
}

export interface ScriptResult {
  readonly code: number;
  readonly timedOut: boolean;
  readonly out: string;
  readonly err: string;
}

/** Characters that SSM keeps of each. */
const KEPT = { out: 24_000, err: 8_000 };

export class SimulatedHost {
  readonly node: string;
  readonly root: string;
  readonly agentVersion: string;
  readonly #endpoint: string;
  /** An offline host gets no command and answers none. */
  online = true;
  readonly tags: Record<string, string> = {};
  /** What gives its processes another time than the machine's; see harness/time.ts. */
  clock: Readonly<Record<string, string>> = {};
  /** The script that SSM last gave to the shell, for tests to look at. */
  lastScript = '';

  constructor(folder: string, { node, agentVersion = '3.3.3572.0', endpoint }: HostOptions) {
    this.node = node;
    this.root = join(folder, node);
    this.agentVersion = agentVersion;
    this.#endpoint = endpoint;
    for (const place of ['opt/offsite/bin', 'etc/offsite', 'root/.aws', 'var/lib', 'tmp']) {
      mkdirSync(join(this.root, place), { recursive: true });
    }
    const agent = join(this.root, AGENT);
    writeFileSync(
      agent,
      `#!/bin/sh\nexport OFFSITE_CONFIG='${this.config}'\nexec '${join(ROOT, 'bin/offsite')}' "$@"\n`,
    );
    chmodSync(agent, 0o755);
  }

  get config(): string {
    return join(this.root, 'etc/offsite/config.yml');
  }

  /** Writes the credentials file as the SSM agent does: whole, and without saying when they expire. */
  giveCredentials({ accessKeyId, secretAccessKey, sessionToken }: Credentials): void {
    const lines = ['[default]', `aws_access_key_id = ${accessKeyId}`, `aws_secret_access_key = ${secretAccessKey}`];
    if (sessionToken !== undefined) lines.push(`aws_session_token = ${sessionToken}`);
    const file = join(this.root, 'root/.aws/credentials');
    writeFileSync(`${file}.new`, `${lines.join('\n')}\n`, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }

  /** The environment of the SSM agent on this host. There is no HOME, as under systemd. */
  environment(): Record<string, string> {
    return {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      TMPDIR: join(this.root, 'tmp'),
      AWS_SHARED_CREDENTIALS_FILE: join(this.root, 'root/.aws/credentials'),
      AWS_CONFIG_FILE: join(this.root, 'root/.aws/config'),
      AWS_ENDPOINT_URL: this.#endpoint,
      AWS_REGION: REGION,
      AWS_SSM_INSTANCE_ID: this.node,
      AWS_SSM_REGION_NAME: REGION,
      AWS_SSM_PLATFORM_NAME: 'Debian GNU/Linux',
      AWS_SSM_PLATFORM_VERSION: '12',
      AWS_EC2_METADATA_DISABLED: 'true',
      ...this.clock,
    };
  }

  /** Runs the script of a document's step, as the SSM agent does. */
  runDocument(content: DocumentContent, values: Record<string, string>, command: string): Promise<ScriptResult> {
    const step = content.mainSteps[0];
    if (step === undefined) throw new Error('a document without steps');
    const environment: Record<string, string> = { ...this.environment(), SSM_COMMAND_ID: command };
    const inText = { ...values };
    if (isAtLeast(this.agentVersion, FIRST_WITH_ENVIRONMENT)) {
      for (const [name, value] of Object.entries(values)) {
        if (content.parameters[name]?.interpolationType !== 'ENV_VAR') continue;
        environment[`SSM_${name}`] = value;
        // Whatever a new agent makes of {{name}}, the script must not need it.
        inText[name] = `$SSM_${name}`;
      }
    }
    const script = this.#hostsOwnAgent(interpolated(step.inputs.runCommand.join('\n'), inText));
    const seconds = Number(interpolated(String(step.inputs.timeoutSeconds ?? '3600'), values));
    this.lastScript = script;
    // Out of range, the real agent takes the default without a word.
    return this.#run(script, environment, seconds >= 5 && seconds <= 172_800 ? seconds : 3600);
  }

  #hostsOwnAgent(script: string): string {
    const pieces = script.split(AGENT);
    if (pieces.length !== 2)
      throw new Error(`the document's script names ${AGENT} ${pieces.length - 1} times, not once`);
    return pieces.join(join(this.root, AGENT));
  }

  #run(script: string, env: Record<string, string>, seconds: number): Promise<ScriptResult> {
    const file = join(this.root, 'tmp', `_script-${env.SSM_COMMAND_ID}.sh`);
    writeFileSync(file, `${script}\n`, { mode: 0o700 });
    const child = startChild('/bin/sh', ['-c', file], { env, cwd: this.root, stdio: ['ignore', 'pipe', 'pipe'] });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      if (child.pid !== undefined) killProcessGroup(child.pid);
    }, seconds * 1000);
    const pieces = { out: '', err: '' };
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      pieces.out = (pieces.out + text).slice(0, KEPT.out);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      pieces.err = (pieces.err + text).slice(0, KEPT.err);
    });
    return new Promise<ScriptResult>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code: code ?? 137, timedOut, ...pieces }));
    }).finally(() => clearTimeout(timer));
  }
}

function interpolated(text: string, values: Record<string, string>): string {
  return text.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (whole, name: string) => values[name] ?? whole);
}

function isAtLeast(version: string, other: string): boolean {
  const numbers = [version, other].map((one) => one.split('.').map(Number));
  for (let at = 0; at < 4; at++) {
    const difference = (numbers[0]?.[at] ?? 0) - (numbers[1]?.[at] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
