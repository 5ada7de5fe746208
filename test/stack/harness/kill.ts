/** Killing a Lambda at work, as AWS might: nothing of it runs on. */

import { readdirSync, readFileSync } from 'node:fs';

/** Kills every process of the emulator that runs this function; how many there were. */
export function killFunction(name: string): number {
  let killed = 0;
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      if (!environment.includes(`AWS_LAMBDA_FUNCTION_NAME=${name}`)) continue;
      process.kill(Number(pid), 'SIGKILL');
      killed++;
    } catch {
      // Gone, or another user's.
    }
  }
  return killed;
}
