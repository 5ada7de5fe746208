/**
 * The time of one stack, so that weeks of it pass in minutes: its Lambdas read their shift from a file at each look at
 * the clock (shim/lambda-preload.ts), hosts and the operator's commands get it by their environment, the store's
 * answers are dated by it (store-clock.ts), and SSM's stand-in lets go what was not delivered in time. It flows as
 * the machine's does, and is only ever moved on. EventBridge's stays real: what is due by it a test has to fire itself.
 */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SimulatedHost } from '../ssm/host.ts';
import { ROOT } from './python.ts';
import type { DeployedStack } from './stack.ts';

/** Complete is started by events, so that nobody is told when it has ended: who asks for nothing so long has. Milliseconds. */
const STILL = 1000;

export class StackTime {
  readonly #stack: DeployedStack;
  readonly #hosts: readonly SimulatedHost[];
  #shift = 0;

  /** `hosts` live by it too, from its first move on. */
  constructor(stack: DeployedStack, hosts: readonly SimulatedHost[]) {
    this.#stack = stack;
    this.#hosts = hosts;
  }

  now(): Date {
    return new Date(Date.now() + this.#shift);
  }

  /** For a child process that is to live by it. */
  get environment(): Record<string, string> {
    return shifted(this.#shift);
  }

  /** Moves on to an instant, once nothing of what happened before is under way. Throws where it is past. */
  async goTo(instant: Date): Promise<void> {
    const ahead = instant.getTime() - this.now().getTime();
    if (ahead < 0) throw new Error(`${instant.toISOString()} is past: it is ${this.now().toISOString()}`);
    const { name, bucket, world } = this.#stack;
    await world.ssm.idle();
    await world.gateway.still(`function:${name}-complete`, STILL);
    this.#shift += ahead;
    mkdirSync(world.clocks, { recursive: true });
    const file = join(world.clocks, name);
    writeFileSync(`${file}.new`, String(this.#shift));
    // Lambdas that look meanwhile see the old one or the new one, and never half of it.
    renameSync(`${file}.new`, file);
    world.gateway.storeClock.shift(bucket, this.#shift);
    for (const host of this.#hosts) host.clock = this.environment;
    world.ssm.advance(ahead / 1000);
    await world.ssm.idle();
  }
}

function shifted(milliseconds: number): Record<string, string> {
  const preload = join(ROOT, 'system/shifted-clock.ts');
  return { NODE_OPTIONS: `--import=${preload}`, OFFSITE_CLOCK_SHIFT: String(milliseconds) };
}
