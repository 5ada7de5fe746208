/**
 * `npm run bench`: Offsite and its peers on the same data, in turn, each in new folders, several rounds; a table of medians
 * and ratios, and every single figure as JSON. Peers that are not on PATH are named and left out.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir, totalmem } from 'node:os';
import { join, resolve } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { commandLine } from '../system/process.ts';
import { type ChainResult, chainReport, runChain } from './chain.ts';
import type { Contender } from './contender.ts';
import { borg } from './contenders/borg.ts';
import { duplicity } from './contenders/duplicity.ts';
import { ours, oursFurtherAway } from './contenders/ours.ts';
import { restic } from './contenders/restic.ts';
import { rustic } from './contenders/rustic.ts';
import { isBuiltIn, makeCorpus } from './corpora.ts';
import { profile } from './profile.ts';
import { summarize, tableOf } from './report.ts';
import { CASES, type Case, type Result, runRound } from './round.ts';
import { startServer } from './s3.ts';
import type { Result as ResultOf } from './seat.ts';
import { runTwice, type TwiceResult, twiceTable, twoOf } from './twice.ts';

const HELP = `npm run bench -- [options]

  --peers LIST    of restic, borg, rustic, duplicity (default: all that are on PATH)
  --corpus WHAT   tree, big, dump-N (one SQL dump of N GiB), or a directory, of which a copy is used (default: tree)
  --store WHERE   dir, or s3: one server on this machine (minio) for all that can use it; ours also with 50 ms more a call
  --rounds N      default 3
  --cases LIST    of ${CASES.join(', ')} (a full is always made)
  --work DIR      where to work, on the file system to be measured (default: the temporary folder)
  --json FILE     every single figure
  --chain N       instead: a full and N incrementals, 1 % changed before each (of files with 16 MiB and more, 1 % of their
                  blocks); the 2nd and the last beside each other; only programs that are set alike
  --one-in M      with --chain: one file in M is changed, not one in 100
  --twice         instead: the cases on the corpus and on two of it that have nothing in common; what twice the data costs
  --cores N       ours takes the machine to have N cores: how much memory it needs there
  --memory SIZE   ours gets this \`memory\` instead of its default
  --profile       instead: CPU seconds of ours by stage, and per GB
  --keep          leave stores and restored files where they are

Examples:
  npm run bench -- --corpus /usr/share --peers restic,borg --rounds 5 --json figures.json
  npm run bench -- --corpus /usr/share/doc --chain 30 --peers restic,borg --rounds 1
  npm run bench -- --corpus big --twice --peers '' --rounds 1 --cases 'full,unchanged,restore all'`;

const PEERS: Record<string, () => (Contender | null)[]> = {
  restic: () => [restic()],
  borg: () => [borg('alike'), borg('defaults')],
  rustic: () => [rustic()],
  duplicity: () => [duplicity()],
};

const OPTIONS = {
  args: [...commandLine()],
  options: {
    peers: { type: 'string', default: Object.keys(PEERS).join() },
    corpus: { type: 'string', default: 'tree' },
    store: { type: 'string', default: 'dir' },
    rounds: { type: 'string', default: '3' },
    cases: { type: 'string', default: CASES.join() },
    work: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
    chain: { type: 'string' },
    'one-in': { type: 'string', default: '100' },
    twice: { type: 'boolean', default: false },
    cores: { type: 'string' },
    memory: { type: 'string' },
    profile: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
} as const satisfies ParseArgsConfig;
const say = (line: string) => process.stdout.write(`${line}\n`);
const values = optionsOf();

if (values.help) say(HELP);
else main();

/** What nobody offers ends it here, with a word. */
function optionsOf() {
  try {
    return parseArgs(OPTIONS).values;
  } catch (error) {
    process.stderr.write(`bench: ${(error as Error).message}\n  npm run bench -- --help says what there is.\n`);
    process.exit(2);
  }
}

function main(): void {
  const isS3 = values.store === 's3';
  if (!isS3 && values.store !== 'dir') throw new Error(`no store ${values.store}: there are dir, s3`);
  if (isS3 && values.twice) throw new Error('--twice works with --store dir');
  const peers = values.peers.split(',').filter(Boolean).flatMap(contendersOf);
  const own = { cores: values.cores, memory: values.memory };
  const all = isS3
    ? [ours(own), ...oursFurtherAway(own), ...peers.filter(({ speaksS3 }) => speaksS3 !== null)]
    : [ours(own), ...peers];
  const incrementals = values.chain === undefined ? null : countOf('chain', values.chain);
  const oneIn = countOf('one-in', values['one-in']);
  const contenders = incrementals === null ? all : all.filter(({ setting }) => setting === 'alike');
  const cases = new Set(values.cases.split(',').map(caseOf));
  const rounds = countOf('rounds', values.rounds);
  const corpus = isBuiltIn(values.corpus) ? values.corpus : resolve(values.corpus);
  const work = mkdtempSync(join(resolve(values.work), 'offsite-bench-'));
  try {
    const source = makeCorpus(corpus, join(work, 'corpus'));
    if (values.profile) {
      say(profile(source, work));
      return;
    }
    const machine = `${availableParallelism()} cores of ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
    say(`${machine}\n${contenders.map(({ name, version }) => `${name} ${version}`).join(', ')}\n${corpus}`);
    const results: Result[] = [];
    const ofChain: ChainResult[] = [];
    const ofTwice: TwiceResult[] = [];
    const twice = values.twice ? twoOf(source) : null;
    for (let number = 0; number < rounds; number++) {
      using server = isS3 ? startServer(work) : null;
      if (server !== null) say(`one S3 server for all: it takes ${server.throughput} MiB/s of PUT`);
      const plan = { number, source, work, contenders, cases, server };
      if (incrementals !== null) runChain({ ...plan, incrementals, oneIn, onResult: noted(ofChain) });
      else if (twice !== null) runTwice({ ...plan, twice, onResult: noted(ofTwice) });
      else runRound({ ...plan, onResult: noted(results) });
      // Nothing is removed before the end: just after many removals a file system is slow at making files.
    }
    if (incrementals !== null) say(`\n${chainReport(ofChain, contenders, incrementals)}`);
    else if (twice !== null) say(`\n${twiceTable(ofTwice, contenders)}`);
    else say(`\n${tableOf(summarize(results, contenders, CASES))}`);
    if (values.json !== undefined) {
      const every = [...results, ...ofChain, ...ofTwice];
      const versions = Object.fromEntries(contenders.map(({ name, version }) => [name, version]));
      mkdirSync(resolve(values.json, '..'), { recursive: true });
      writeFileSync(values.json, `${JSON.stringify({ machine, corpus, versions, results: every }, null, 1)}\n`);
    }
  } finally {
    if (values.keep) say(`kept: ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
}

/** Keeps each result, and says it. */
function noted<One extends ResultOf<string>>(results: One[]): (result: One) => void {
  return (result) => {
    results.push(result);
    const { round, contender, cost, stored } = result;
    const { wall, cpu, peak } = cost;
    say(
      `round ${round + 1}  ${result.case.padEnd(14)} ${contender.padEnd(16)} ${wall.toFixed(2)} s  CPU ${cpu.toFixed(2)} s  ${(peak / 1e6).toFixed(0)} MB  stored ${(stored / 1e6).toFixed(2)} MB`,
    );
  };
}

function countOf(option: string, text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1) throw new Error(`--${option} ${text} is no count`);
  return count;
}

function contendersOf(name: string): Contender[] {
  const make = PEERS[name];
  if (make === undefined) throw new Error(`no peer ${name}: there are ${Object.keys(PEERS).join(', ')}`);
  const made = make().filter((contender) => contender !== null);
  if (made.length === 0) say(`${name} is not on PATH: left out`);
  return made;
}

function caseOf(name: string): Case {
  const found = CASES.find((one) => one === name.trim());
  if (found === undefined) throw new Error(`no case ${name}: there are ${CASES.join(', ')}`);
  return found;
}
