/** Killing a Lambda at work, as AWS might: nothing of it runs on. */

import { readdirSync, readFileSync } from 'node:fs';

/** Kills every process that runs this function for the emulator behind this gateway; how many there were. */
export function killFunction(name: string, endpoint: string): number {
  let killed = 0;
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      const wanted = [`AWS_LAMBDA_FUNCTION_NAME=${name}`, `AWS_ENDPOINT_URL=${endpoint}`];
      if (!wanted.every((one) => environment.includes(one))) continue;
      process.kill(Number(pid), 'SIGKILL');
      killed++;
    } catch {
      // Gone, or another user's.
    }
  }
  return killed;
}
