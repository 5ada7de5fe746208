import type { Command } from 'commander';
import { type BytePath, baseName, displayPath, parentPath, pathFromText } from '../../contract/byte-path.ts';
import type { Entry } from '../../contract/entry.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { encodePath } from '../../contract/run-index.ts';
import { ManifestReader } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { selectRun } from '../../repository/select-run.ts';
import { Context, type KeyOptions } from '../context.ts';
import { addKeyOptions, addRunOptions, addTrustOption, queryOf, type RunOptions } from '../options.ts';
import { table } from '../ui/format.ts';

interface Options extends KeyOptions, RunOptions {
  recursive?: boolean;
}

export function addLs(offsite: Command): void {
  const command = offsite
    .command('ls')
    .description('list a directory of a run')
    .argument('<run>', 'a run id, or latest')
    .argument('[path]', 'a path as restored; the top if none is given')
    .option('-r, --recursive', 'everything beneath too');
  addTrustOption(addRunOptions(addKeyOptions(command)))
    .addHelpText('after', '\nExample:\n  offsite ls latest etc --host carcosa --set data --key private.asc')
    .action((run: string, path: string | undefined, options: Options, sub: Command) =>
      ls(run, path, options, Context.of(sub)),
    );
}

async function ls(run: string, path: string | undefined, options: Options, context: Context): Promise<void> {
  const { output } = context;
  const key = await context.privateKey(options);
  const believing = await context.believing(options, key);
  const signed = await selectRun(believing, queryOf(run, options));
  const manifests = new ManifestReader(believing.store, believing.trust?.trust ?? null);
  const reader = new RunReader({ store: believing.store, manifests, key }, signed);
  const under = pathFromText((path ?? '').replace(/^\/+|\/+$/g, ''));
  const entries: Entry[] = [];
  let found = under === '';
  for await (const entry of reader.entries(under)) {
    found = true;
    if (isShown(entry, under, options.recursive ?? false)) entries.push(entry);
  }
  if (!found) throw new OffsiteError('path-not-found', `not in run ${signed.manifest.run}: ${path}`);
  output.json({ run: signed.manifest.run, entries: entries.map(entryJson) });
  if (entries.length > 0)
    output.answer(
      table(
        entries.map((entry) => row(entry, options.recursive ? null : under)),
        [1],
      ),
    );
}

/** A directory shows what is in it; anything else, itself. */
function isShown(entry: Entry, under: BytePath, recursive: boolean): boolean {
  if (entry.path === under) return entry.type !== 'directory';
  return recursive || parentPath(entry.path) === under;
}

const LETTERS = { file: '-', directory: 'd', symlink: 'l', fifo: 'p', socket: 's', char: 'c', block: 'b' };

function row(entry: Entry, under: BytePath | null): string[] {
  const bits = (shift: number) =>
    ['r', 'w', 'x'].map((letter, i) => ((entry.mode >> shift) & (4 >> i) ? letter : '-')).join('');
  const owner = `${entry.user === undefined ? entry.uid : displayPath(entry.user)}:${entry.group === undefined ? entry.gid : displayPath(entry.group)}`;
  const name = displayPath(under === null ? entry.path : baseName(entry.path));
  const notes = [
    entry.stale && 'of an older run',
    entry.error && `not read: ${entry.error}`,
    entry.unstable && 'changed while it was read',
  ];
  const shown = notes.filter((note) => typeof note === 'string').join(', ');
  return [
    `${LETTERS[entry.type]}${bits(6)}${bits(3)}${bits(0)}`,
    entry.size === undefined ? '-' : String(entry.size),
    owner,
    new Date(Number(entry.mtime.split('.')[0]) * 1000).toISOString().slice(0, 19).replace('T', ' '),
    `${name}${entry.target === undefined ? '' : ` -> ${displayPath(entry.target)}`}${shown === '' ? '' : `  (${shown})`}`,
  ];
}

function entryJson({
  path,
  type,
  mode,
  uid,
  gid,
  user,
  group,
  mtime,
  size,
  target,
  link,
  error,
  stale,
  unstable,
}: Entry): object {
  const text = (value: BytePath | undefined) => (value === undefined ? undefined : encodePath(value));
  return {
    path: encodePath(path),
    type,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    user: text(user),
    group: text(group),
    mtime,
    size,
    target: text(target),
    link: text(link),
    error,
    stale,
    unstable,
  };
}
