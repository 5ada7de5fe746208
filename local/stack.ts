/**
 * The stack on one machine: the same functions, wired to a directory instead of AWS. Schedules fire and audits run as
 * the clock goes on, events are what the store shows anew, and commands are child processes.
 */

import type { Json } from '../contract/canonical.ts';
import { dueBetween, parseCron } from '../contract/cron.ts';
import { type Fleet, parseFleet } from '../contract/fleet.ts';
import { ALL_RUNS, parseObjectKey } from '../contract/keys.ts';
import { audit } from '../functions/audit.ts';
import { complete } from '../functions/complete.ts';
import { dispatch, type Firing } from '../functions/dispatch.ts';
import type { Heartbeat } from '../functions/ports/heartbeat.ts';
import type { Notifier } from '../functions/ports/notifier.ts';
import { type Stack, stackOf } from '../functions/stack.ts';
import type { PublicKey } from '../pgp/keys.ts';
import { putFleet } from '../repository/fleet.ts';
import type { ObjectStore } from '../store/port.ts';
import { ChildProcesses, type LocalHost } from './child-process.ts';
import { type ManualClock, storeByClock } from './clock.ts';

const MINUTE = 60_000;
const AUDIT_EVERY = 15 * MINUTE;
const ACCEPTED = 'accepted/';

export interface LocalPorts {
  readonly store: ObjectStore;
  readonly clock: ManualClock;
  readonly notifier: Notifier;
  /** Where it is not given, nobody is sent the fleet file's heartbeat: hours of this clock pass in a moment. */
  readonly heartbeat?: Heartbeat;
  /** The operator's public keys. */
  readonly anchor: readonly PublicKey[];
  /** By node. */
  readonly hosts: ReadonlyMap<string, LocalHost>;
  /** Told of each firing before anything is done about it, and what each agent said. */
  readonly onFiring?: (firing: Firing) => void;
  readonly onAgent?: (node: string, exitCode: number, output: string) => void;
}

type Step = { at: Date; firing: Firing | null };

export class LocalStack {
  readonly #ports: LocalPorts;
  readonly #stack: Stack;
  readonly #commands: ChildProcesses;
  readonly #seen = new Set<string>();
  #fleet: Fleet | null = null;

  constructor(ports: LocalPorts) {
    this.#ports = ports;
    const store = storeByClock(ports.store, ports.clock);
    this.#stack = stackOf({ ...ports, store, events: { emit: async () => undefined } });
    this.#commands = new ChildProcesses(ports);
  }

  /** Puts a fleet file into force. Throws `fleet-invalid`. */
  async applyFleet(fleet: Json, what: string): Promise<void> {
    const now = this.#ports.clock.now();
    const parsed = parseFleet(fleet, what, now);
    await putFleet(this.#ports.store, fleet, now);
    this.#fleet = parsed;
  }

  /** Lets the clock go on to `until`: every schedule fires at its minute and audit runs each quarter of an hour. */
  async runUntil(until: Date): Promise<void> {
    for (const { at, firing } of this.#stepsUntil(until)) {
      this.#ports.clock.advanceTo(at);
      if (firing === null) await this.#audit();
      else await this.#dispatch(firing);
      await this.deliverEvents();
    }
    this.#ports.clock.advanceTo(until);
  }

  /** What S3 would announce: manifests and acceptances that are new; and commands that have ended. */
  async deliverEvents(): Promise<void> {
    for (const prefix of [ALL_RUNS, ACCEPTED]) {
      for await (const { key } of this.#ports.store.list(prefix)) {
        const kind = parseObjectKey(key)?.kind;
        if (this.#seen.has(key) || (kind !== 'manifest' && kind !== 'accepted')) continue;
        this.#seen.add(key);
        failOn(await complete(this.#stack, { kind: 'object', key }));
      }
    }
    for (const { node, policy, due, exitCode } of this.#commands.takeEnded()) {
      failOn(await complete(this.#stack, { kind: 'command', node, policy, due, responseCode: exitCode }));
    }
  }

  async #dispatch(firing: Firing): Promise<void> {
    this.#ports.onFiring?.(firing);
    failOn(await dispatch(this.#stack, this.#commands, firing));
  }

  async #audit(): Promise<void> {
    const { heartbeat } = this.#ports;
    failOn(await audit(this.#stack, heartbeat === undefined ? {} : { heartbeat }));
  }

  /** Firings and audits in order of time; at the same minute the firing comes first. */
  #stepsUntil(until: Date): Step[] {
    const from = this.#ports.clock.now();
    const steps: Step[] = [];
    for (const [policy, schedules] of Object.entries(this.#fleet?.policies ?? {})) {
      for (const type of ['full', 'incremental'] as const) {
        const schedule = schedules[type];
        const minutes = schedule === undefined ? [] : dueBetween(parseCron(schedule), from, until);
        for (const time of minutes) steps.push({ at: time, firing: { policy, type, time } });
      }
    }
    const first = Math.floor(from.getTime() / AUDIT_EVERY + 1) * AUDIT_EVERY;
    for (let at = first; at <= until.getTime(); at += AUDIT_EVERY) steps.push({ at: new Date(at), firing: null });
    return steps.sort(
      (one, other) => +one.at - +other.at || Number(one.firing === null) - Number(other.firing === null),
    );
  }
}

/** On AWS a failing function is tried again and raises an alarm; here whoever watches is told at once. */
function failOn({ errors }: { errors: readonly unknown[] }): void {
  if (errors.length > 0) throw new AggregateError(errors, `a function of the stack failed: ${String(errors[0])}`);
}
