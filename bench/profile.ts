/**
 * Where the CPU time of a backup and a restore goes, stage by stage: the sampling profiler's stacks, each put down to the
 * nearest of our source files above the leaf. Time in native code (hashing, compressing, system calls) is so its caller's.
 */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bytesBelow } from './changes.ts';
import { ours } from './contenders/ours.ts';
import { type Command, measure } from './measure.ts';

/** The first that matches names the stage. */
const STAGES: readonly [RegExp, string][] = [
  [/host-agent\/source\/read/, 'read'],
  [/host-agent\/source\//, 'walk'],
  [/chunker/, 'chunk'],
  [/dedup|table/, 'dedup'],
  [/frames?\.ts|zstd/, 'compress'],
  [/cfb|part-writer|packets/, 'encrypt'],
  [/part-reader/, 'decrypt'],
  [/parts?\.ts/, 'parts'],
  [/host-agent\/engine\/(listing|lines)/, 'listing'],
  [/host-agent\/state\//, 'state'],
  [/host-agent\/restore\//, 'restore'],
  [/host-agent\/engine\//, 'engine'],
  [/store\//, 'store'],
  [/pgp\//, 'keys and signatures'],
  [/node_modules\/openpgp/, 'keys and signatures'],
  [/node_modules\//, 'libraries'],
];

interface Profile {
  readonly nodes: readonly { id: number; callFrame: { functionName: string; url: string }; children?: number[] }[];
  readonly samples: readonly number[];
  /** Microseconds between one sample and the one before. */
  readonly timeDeltas: readonly number[];
}

/** Profiles a full, an unchanged incremental and a restore; lines of a table for each. */
export function profile(source: string, work: string): string {
  const store = join(work, 'store');
  const home = join(work, 'home');
  for (const folder of [store, home]) mkdirSync(folder, { recursive: true });
  const session = ours().prepare({ store, home, s3: null }, source);
  const target = join(work, 'restored');
  mkdirSync(target);
  const gigabytes = bytesBelow(source) / 1e9;
  const cases: [string, Command][] = [
    ['full', session.full()],
    ['unchanged', session.incremental()],
    ['restore all', session.restoreAll(target)],
  ];
  return cases.map(([name, command]) => profileOf(name, command, join(work, name), gigabytes)).join('\n\n');
}

function profileOf(name: string, command: Command, folder: string, gigabytes: number): string {
  mkdirSync(folder, { recursive: true });
  const env = { ...command.env, NODE_OPTIONS: `--cpu-prof --cpu-prof-dir="${folder}"` };
  const { wall, cpu } = measure({ ...command, env }, folder);
  const seconds = new Map<string, number>();
  for (const file of readdirSync(folder).filter((one) => one.endsWith('.cpuprofile'))) {
    for (const [stage, spent] of stagesOf(JSON.parse(readFileSync(join(folder, file), 'utf8'))))
      seconds.set(stage, (seconds.get(stage) ?? 0) + spent);
  }
  const known = [...seconds.values()].reduce((sum, one) => sum + one, 0);
  seconds.set('other threads of Node', Math.max(0, cpu - known));
  const rows = [...seconds].sort(([, one], [, other]) => other - one);
  return [
    `${name}: ${wall.toFixed(2)} s, CPU ${cpu.toFixed(2)} s, with the profiler`,
    '| stage | CPU s | CPU s/GB |',
    '|---|--:|--:|',
    ...rows.map(([stage, spent]) => `| ${stage} | ${spent.toFixed(2)} | ${(spent / gigabytes).toFixed(2)} |`),
  ].join('\n');
}

/** Seconds by stage; idle time is none of them. */
function stagesOf({ nodes, samples, timeDeltas }: Profile): Map<string, number> {
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const stages = new Map<number, string | null>();
  const stageOf = (id: number): string | null => {
    const known = stages.get(id);
    if (known !== undefined) return known;
    const { functionName = '', url = '' } = byId.get(id)?.callFrame ?? {};
    const parent = parents.get(id);
    const own = special(functionName) ?? STAGES.find(([pattern]) => pattern.test(url))?.[1];
    const stage = own !== undefined ? own : parent === undefined ? 'start and the rest' : stageOf(parent);
    stages.set(id, stage === 'idle' ? null : stage);
    return stages.get(id) ?? null;
  };
  const seconds = new Map<string, number>();
  samples.forEach((id, i) => {
    const stage = stageOf(id);
    if (stage !== null) seconds.set(stage, (seconds.get(stage) ?? 0) + (timeDeltas[i] ?? 0) / 1e6);
  });
  return seconds;
}

function special(name: string): string | undefined {
  if (name === '(idle)') return 'idle';
  if (name === '(garbage collector)') return 'garbage collection';
  return undefined;
}
