/**
 * `npm run lint:stack`: the packaged template by CloudFormation's own rules, as cfn-lint knows them, in a Python
 * environment of its own. Where PyPI cannot be reached at the first run this fails and says so.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CFN_LINT = 'cfn-lint==1.58.0';
const HOME = join(ROOT, 'node_modules/.cache/offsite-lint', CFN_LINT.replace('==', '-'));

/** Each with why it may stay. */
const IGNORED = {
  W3005: 'osls writes DependsOn beside the reference to a role; one of both would do, and it is not ours to choose',
};

/** The program, installed where it is not there; what was installed by half is not taken for it. */
function cfnLint(): string {
  const program = join(HOME, 'bin/cfn-lint');
  if (existsSync(program)) return program;
  rmSync(HOME, { recursive: true, force: true });
  mkdirSync(dirname(HOME), { recursive: true });
  try {
    execFileSync('python3', ['-m', 'venv', HOME], { stdio: 'inherit' });
    // pip writes a package's programs last.
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', CFN_LINT];
    execFileSync(join(HOME, 'bin/python'), pip, { stdio: 'inherit' });
  } catch (error) {
    rmSync(HOME, { recursive: true, force: true });
    throw new Error(`${CFN_LINT} from PyPI could not be installed, so the template is not checked: ${String(error)}`);
  }
  return program;
}

const folder = join(ROOT, '.offsite/lint');
const path = `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}`;
execFileSync('osls', ['package', '--package', folder], {
  cwd: ROOT,
  stdio: 'ignore',
  env: { ...process.env, PATH: path },
});
const template = join(folder, 'cloudformation-template-update-stack.json');
const ignored = Object.keys(IGNORED).flatMap((rule) => ['--ignore-checks', rule]);
const options = ['--regions', 'us-east-1', 'eu-central-1'];
execFileSync(cfnLint(), [...ignored, ...options, '--template', template], { stdio: 'inherit' });
process.stdout.write(`${CFN_LINT}: nothing found; ignored:\n`);
for (const [rule, why] of Object.entries(IGNORED)) process.stdout.write(`  ${rule}: ${why}\n`);
