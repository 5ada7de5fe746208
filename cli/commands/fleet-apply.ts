import type { Command } from 'commander';
import type { Json } from '../../contract/canonical.ts';
import { isOffsiteError, OffsiteError } from '../../contract/errors.ts';
import { instantText } from '../../contract/ids.ts';
import { readYaml } from '../../host-agent/config.ts';
import { type ApplyPlan, type ApplyPorts, applyPlan, checkedFleet, planApply } from '../../operator/fleet-apply.ts';
import type { PublicKey } from '../../pgp/keys.ts';
import { environmentVariable } from '../../system/environment.ts';
import { Context } from '../context.ts';
import { addEmbeddedOptions, type HandsOptions, openHands } from '../fleet-hands.ts';
import { addKeyOptions } from '../options.ts';
import { formatInstant, table } from '../ui/format.ts';
import { confirm, isInteractive } from '../ui/prompt.ts';

interface Options extends HandsOptions {
  dryRun?: boolean;
  tag?: boolean;
  yes?: boolean;
  nodes: boolean;
  certify: boolean;
}

/** Lines of each list that are shown; --json has them all. */
const SHOWN = 100;

export function addFleetApply(fleet: Command): void {
  const command = fleet
    .command('apply')
    .description('put a fleet file into force: who is backed up, and when')
    .argument('<file>', 'the fleet file, in YAML; docs/fleet.md has every key')
    .option('--dry-run', 'show what it would change, and change nothing')
    .option('--tag', 'give nodes the tag without which the stack may not command them')
    .option('--yes', 'do not ask')
    .option('--no-nodes', 'do not ask the command service whether the nodes are there and have the tag')
    .option('--no-certify', 'leave trust.json as it is')
    .option('--operator <FILE>', "the operator's public key, to see whose key is certified");
  addEmbeddedOptions(addKeyOptions(command))
    .addHelpText(
      'after',
      `
Everything is checked before anything changes. The store is the one that the file names. The key is needed only where
a host has registered its first signing key, which is certified then; compare its fingerprint with what 'offsite init'
printed on the host. Applying the same file again changes nothing.

Exit codes: 0 applied, or nothing to change; 1 a node, the clock or the stack is not as it must be; 2 the file is no good.

Examples:
  offsite fleet apply fleet.yml --dry-run
  offsite fleet apply fleet.yml --tag --key ~/offsite-keys/private.asc
  offsite fleet apply fleet.yml --hosts ./hosts --yes     # a file:// store`,
    )
    .action((file: string, options: Options, sub: Command) => apply(file, options, Context.of(sub)));
}

async function apply(file: string, options: Options, context: Context): Promise<void> {
  const { output, clock } = context;
  const written = readYaml(file, 'fleet-invalid') as Json;
  const { store: named, stack } = checkedFleet(written, file, clock.now());
  const store = await context.openStore(context.options.store ?? environmentVariable('OFFSITE_STORE') ?? named);
  const hands = options.nodes
    ? (await openHands(context, store, { ...options, stack }, { judges: false, lists: true })).hands
    : null;
  const anchor = options.certify ? await anchorOf(context, options) : null;
  const ports: ApplyPorts = { store, clock, nodes: hands, anchor };
  const plan = await planApply(ports, { written, file, tag: options.tag === true });

  show(plan, { file, anchor, options, context });
  const changes = plan.puts || plan.tag.length > 0 || plan.keys.candidates.length > 0;
  if (!changes || options.dryRun === true) {
    output.json(jsonOf(plan, null));
    output.result(changes ? 'Nothing was changed: this was --dry-run.' : 'Nothing to change.');
    return;
  }
  const mustSign = plan.keys.candidates.length > 0;
  if (mustSign && !context.hasKey(options)) {
    throw new OffsiteError('usage', `keys of ${hostsOf(plan)} are to be certified, which needs the private key`, {
      hint: 'Give --key FILE or set $OFFSITE_KEY; or --no-certify, and certify them later with `offsite trust`.',
    });
  }
  await ask(options);
  const applied = await applyPlan(ports, plan, mustSign ? await context.privateKey(options) : null);
  output.json(jsonOf(plan, applied));
  if (applied.tagged.length > 0) output.result(`Tagged: ${applied.tagged.join(', ')}`);
  if (applied.trustSerial !== null) output.result(`Certified the keys of ${hostsOf(plan)}`);
  if (plan.puts) output.result(`Applied: in force since ${formatInstant(applied.version.applied)}`);
}

/** The operator's public keys, where any is known. Whoever has only the right to write config/ may apply all the same. */
async function anchorOf(context: Context, options: Options): Promise<readonly PublicKey[] | null> {
  try {
    return await context.anchor(options);
  } catch (error) {
    const isNamed = context.hasKey(options) || options.operator !== undefined;
    if (!isNamed && isOffsiteError(error, 'trust-anchor', 'config-invalid')) return null;
    throw error;
  }
}

async function ask(options: Options): Promise<void> {
  if (options.yes === true) return;
  if (!isInteractive()) {
    throw new OffsiteError('usage', 'not a terminal: look at what changes and give --yes', {
      hint: 'With --dry-run nothing is changed. Nothing was changed now.',
    });
  }
  if (!(await confirm('Apply this?'))) throw new OffsiteError('usage', 'nothing was changed', { hint: '' });
}

const hostsOf = ({ keys }: ApplyPlan) => keys.candidates.map(({ host }) => host).join(', ');

interface Shown {
  readonly file: string;
  readonly anchor: readonly PublicKey[] | null;
  readonly options: Options;
  readonly context: Context;
}

function show(plan: ApplyPlan, { file, anchor, options, context }: Shown): void {
  const { output } = context;
  const { toPut, differences, unwatched, next, tag, keys, warnings } = plan;
  const { name } = toPut.inForce;
  const list = (title: string, lines: readonly string[]) => {
    if (lines.length === 0) return;
    const more = lines.length > SHOWN ? [`and ${lines.length - SHOWN} more (--json lists them)`] : [];
    output.result([title, ...[...lines.slice(0, SHOWN), ...more].map((line) => `  ${line}`)].join('\n'));
  };
  const against =
    name === null ? 'no fleet file is in force' : `against the one applied ${formatInstant(name.applied)}`;
  list(
    `${file}, ${against}:`,
    differences.map(({ text }) => text),
  );
  const due = next.map(({ policy, type, due }) => [policy, type, formatInstant(due)]);
  list('Next due:', due.length === 0 ? [] : table(due).split('\n'));
  list(
    'NO LONGER WATCHED, nobody will be told when backups of these are missing:',
    unwatched.map(({ host, set, only }) => `${host}/${set}${only === null ? '' : `: no ${only} any more`}`),
  );
  list('To be tagged:', tag);
  list(
    'Keys to be certified, compare them with what the hosts printed:',
    keys.candidates.map(({ host, fingerprint }) => `${host}  ${fingerprint}`),
  );
  list(
    'Hosts that have registered no signing key yet (offsite init on the host, then apply again):',
    keys.unregistered,
  );
  for (const warning of warnings) output.warning(warning);
  if (anchor === null && options.certify && plan.puts) {
    output.warning("nobody's signing key was looked at: name the operator's key by --operator or --key");
  }
}

function jsonOf(plan: ApplyPlan, applied: Awaited<ReturnType<typeof applyPlan>> | null) {
  const { toPut, differences, unwatched, next, tag, keys, warnings } = plan;
  return {
    applied: applied !== null && plan.puts ? applied.version : null,
    inForce: applied?.version ?? toPut.inForce.name,
    changes: plan.puts || tag.length > 0 || keys.candidates.length > 0,
    differences,
    unwatched,
    next: next.map(({ policy, type, due }) => ({ policy, type, due: instantText(due) })),
    tag,
    certify: keys.candidates.map(({ host, prefix, fingerprint }) => ({ host, prefix, fingerprint })),
    unregistered: keys.unregistered,
    trustSerial: applied?.trustSerial ?? null,
    warnings,
  };
}
