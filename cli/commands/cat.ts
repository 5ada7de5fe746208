import type { Command } from 'commander';
import { pathFromText } from '../../contract/byte-path.ts';
import { OffsiteError } from '../../contract/errors.ts';
import { catFile } from '../../host-agent/restore.ts';
import { ManifestReader } from '../../repository/manifests.ts';
import { RunReader } from '../../repository/run-reader.ts';
import { selectRun } from '../../repository/select-run.ts';
import { Context, type KeyOptions } from '../context.ts';
import { addKeyOptions, addRunOptions, addTrustOption, queryOf, type RunOptions } from '../options.ts';

export function addCat(offsite: Command): void {
  const command = offsite
    .command('cat')
    .description("print one file's content; nothing is printed that was not verified")
    .argument('<run>', 'a run id, or latest')
    .argument('<path>', 'a path as restored, such as etc/hosts');
  addTrustOption(addRunOptions(addKeyOptions(command)))
    .addHelpText('after', '\nExample:\n  offsite cat latest etc/hosts --host carcosa --set data --key private.asc')
    .action((run: string, path: string, options: KeyOptions & RunOptions, sub: Command) =>
      cat(run, path, options, Context.of(sub)),
    );
}

async function cat(run: string, path: string, options: KeyOptions & RunOptions, context: Context): Promise<void> {
  if (context.options.json === true)
    throw new OffsiteError('usage', 'cat prints the bytes of the file; --json does not go with it');
  const key = await context.privateKey(options);
  const believing = await context.believing(options, key);
  const signed = await selectRun(believing, queryOf(run, options));
  const manifests = new ManifestReader(believing.store, believing.trust?.trust ?? null);
  const reader = new RunReader({ store: believing.store, manifests, key }, signed);
  await catFile(reader, pathFromText(path), (bytes) => context.output.bytes(bytes));
}
