/**
 * The demo: a day in the life of a small fleet, on this machine alone. Everything that happens is real (keys, agents,
 * encryption, alerts, restore) but for the clock, which jumps from slot to slot.
 *
 *   npm run demo [-- DIR] [--keep]
 */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { monotonicMilliseconds } from '../system/clock.ts';
import { temporaryFolder } from '../system/environment.ts';
import { commandLine, setExitCode, standardStreams } from '../system/process.ts';
import { tellStory } from './story.ts';

const USAGE = `Usage: npm run demo [-- DIR] [--keep]

Backs up DIR (only read; else a tree made for it), lets things go wrong, and restores.
What it leaves behind lies in one folder under the temporary directory, which the next demo replaces;
with --keep it is a folder of its own that stays.
`;

const words = commandLine();
const folders = words.filter((word) => !word.startsWith('-'));
const unknown = words.find((word) => word.startsWith('-') && word !== '--keep' && word !== '--help');
if (words.includes('--help') || unknown !== undefined || folders.length > 1) {
  standardStreams().err.write(unknown === undefined ? USAGE : `unknown option ${unknown}\n${USAGE}`);
  setExitCode(words.includes('--help') ? 0 : 2);
} else {
  const began = monotonicMilliseconds();
  const work = workFolder(words.includes('--keep'));
  const isIdentical = await tellStory(work, folders[0] === undefined ? null : resolve(folders[0]));
  standardStreams().out.write(`\nThat took ${Math.round((monotonicMilliseconds() - began) / 1000)} seconds.\n`);
  setExitCode(isIdentical ? 0 : 1);
}

function workFolder(keep: boolean): string {
  if (keep) return mkdtempSync(join(temporaryFolder(), 'offsite-demo-'));
  const folder = join(temporaryFolder(), 'offsite-demo');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { mode: 0o700 });
  return folder;
}
