/**
 * Loaded into every Lambda of the emulator (NODE_OPTIONS). It tells who calls: the SDK puts this id into each request's
 * User-Agent, where the gateway's recording reads it. On AWS the execution role says so. And it gives the Lambdas of a
 * stack the time that the harness says it is: see harness/time.ts.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const { AWS_LAMBDA_FUNCTION_NAME: name, OFFSITE_STACK: stack, OFFSITE_STACK_CLOCKS: clocks } = process.env;
if (name !== undefined) process.env.AWS_SDK_UA_APP_ID = name.slice(0, 50);
if (stack !== undefined && clocks !== undefined) liveBy(join(clocks, stack));

/** The present instant is from now on the machine's and as many milliseconds as this file says at each time. */
function liveBy(file: string): void {
  const RealDate = Date;
  const now = (): number => RealDate.now() + shiftIn(file);
  globalThis.Date = class extends RealDate {
    constructor(...args: unknown[]) {
      if (args.length === 0) super(now());
      else super(...(args as [number]));
    }
    static override now(): number {
      return now();
    }
  } as DateConstructor;
}

/** 0 for a stack whose time nobody has shifted. */
function shiftIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}
