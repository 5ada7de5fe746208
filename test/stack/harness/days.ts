/**
 * Days of a stack with three hosts in one policy, a few seconds each. A day has but the audits in which something may be
 * told: after the backups, after the deadline, when the digest is due, and in the evening.
 */

import assert from 'node:assert/strict';
import { runIdForSlot } from '../../../contract/ids.ts';
import { objectKey } from '../../../contract/keys.ts';
import type { Verdict } from '../../../contract/verdict.ts';
import type { SimulatedHost } from '../ssm/host.ts';
import { applyFleet, dailyAt, enrol, minuteOf, trust, writeScript } from './fleet.ts';
import type { Pulse } from './pulse.ts';
import type { DeployedStack, Mail } from './stack.ts';
import { StackTime } from './time.ts';
import { waitFor } from './wait.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NODES = { alpha: 'mi-0f0f0f0f0f0f0f0a1', beta: 'mi-0f0f0f0f0f0f0f0b2', gamma: 'mi-0f0f0f0f0f0f0f0c3' };
type Name = keyof typeof NODES;
const NAMES = Object.keys(NODES) as Name[];
const SETS: Record<Name, string[]> = { alpha: ['data', 'etc'], beta: ['data'], gamma: ['data'] };
const DEADLINE = 6 * HOUR;
const DIGEST = 8 * HOUR;
/** After the due minute. */
const AUDITS = [30 * MINUTE, DEADLINE + MINUTE, DIGEST + MINUTE, 16 * HOUR];
const DUMP = 'printf "SELECT 1;\\n" > "$OFFSITE_STAGE/dump.sql"';
const FAILS = 'echo "disk on fire" >&2\nexit 7';

/** How it is on a day: with dispatch, or with alpha; all others are well. */
export type Day = 'nobody is asked' | 'the rule fires in vain' | 'well' | 'silent' | 'failing';

/** What people got in a day; `digest` is a subject. */
interface Told {
  readonly told: readonly Mail[];
  readonly digest: string;
}

export const POLICY = 'nightly';
/** When its slot of a day is judged. */
export const AFTER_DEADLINE = DEADLINE + MINUTE;

export class Days {
  readonly time: StackTime;
  readonly schedule: { full: string; deadline: string };
  readonly #stack: DeployedStack;
  readonly #hosts: Record<Name, SimulatedHost>;
  readonly #pulse: Pulse;
  /** Of the day before the first; EventBridge, whose time is real, finds nothing due meanwhile. */
  #due = new Date(minuteOf(Date.now()).getTime() - 12 * HOUR);

  private constructor(stack: DeployedStack, hosts: Record<Name, SimulatedHost>, pulse: Pulse) {
    this.#stack = stack;
    this.#hosts = hosts;
    this.#pulse = pulse;
    this.time = new StackTime(stack, Object.values(hosts));
    this.schedule = { full: dailyAt(this.#due), deadline: `${DEADLINE / HOUR}h` };
  }

  /** The hosts, and a fleet file that asks them for backups from the next noon or so on. */
  static async begin(stack: DeployedStack, pulse: Pulse): Promise<Days> {
    const hosts = {} as Record<Name, SimulatedHost>;
    for (const name of NAMES) {
      hosts[name] = await enrol(stack, { name, node: NODES[name], sets: SETS[name], script: DUMP });
    }
    await trust(stack, Object.values(NODES));
    const days = new Days(stack, hosts, pulse);
    const entries = NAMES.map((name) => [name, { node: NODES[name], sets: SETS[name] }] as const);
    const fleet = {
      hosts: Object.fromEntries(entries),
      policies: { [POLICY]: { hosts: NAMES, ...days.schedule } },
      digest: dailyAt(new Date(days.#due.getTime() + DIGEST)),
      heartbeat: pulse.url,
    };
    await applyFleet(stack, fleet, new Date());
    await waitFor('the rule', async () => (await stack.rules(`${stack.name}-s-`)).length || null);
    await days.#audit();
    return days;
  }

  /** The due minute of today's slot. */
  get due(): Date {
    return this.#due;
  }

  /** The due minute of the next day, which begins with it. */
  next(): Date {
    this.#due = new Date(this.#due.getTime() + DAY);
    return this.#due;
  }

  /** One day with its audits. */
  async pass(how: Day): Promise<Told> {
    const due = this.next();
    const before = (await this.#stack.mails()).length;
    await this.time.goTo(new Date(due.getTime() + 20_000));
    await this.#backUp(how);
    for (const after of AUDITS) {
      await this.time.goTo(new Date(due.getTime() + after));
      await this.#audit();
    }
    const mails = (await this.#stack.mails()).slice(before);
    const { digests = [], told = [] } = Object.groupBy(mails, ({ subject }) =>
      subject.startsWith('Offsite digest:') ? 'digests' : 'told',
    );
    const [digest] = digests;
    assert.equal(digests.length, 1, `one digest for the day of ${utc(due)}`);
    assert.ok(digest?.email.includes(`This digest was due at ${utc(new Date(due.getTime() + DIGEST))}`), digest?.email);
    return { told, digest: digest?.subject ?? '' };
  }

  async #backUp(how: Day): Promise<void> {
    const { name, world } = this.#stack;
    const event = { policy: POLICY, type: 'full', time: new Date(this.due.getTime() + 5000).toISOString() };
    if (how === 'nobody is asked') return;
    if (how === 'the rule fires in vain') {
      await world.aws.invokeAsync(`${name}-dispatch`, event);
      await waitFor('its dead letter', async () => (await this.#stack.deadLetterCount()) || null, 60_000);
      return;
    }
    this.#hosts.alpha.online = how !== 'silent';
    writeScript(this.#hosts.alpha, how === 'failing' ? FAILS : DUMP);
    await this.#stack.invoke('dispatch', event);
    await world.ssm.idle();
    for (const host of NAMES) {
      if (host === 'alpha' && how === 'silent') continue;
      const wanted: string = host === 'alpha' && how === 'failing' ? 'failed' : 'complete';
      for (const set of SETS[host]) assert.equal(await this.#outcomeOf(host, set), wanted, `${host}/${set}`);
    }
  }

  /** Of today's run, once it is judged. */
  async #outcomeOf(host: Name, set: string): Promise<Verdict['outcome']> {
    const run = runIdForSlot({ policy: POLICY, due: this.due, node: NODES[host], set });
    const key = objectKey({ kind: 'slot-verdict', due: this.due, policy: POLICY, host, set, run });
    const what = `the verdict of ${host}/${set} at ${utc(this.due)}`;
    const { outcome } = await waitFor(what, () => this.#stack.document<Verdict>(key), 60_000);
    return outcome;
  }

  async #audit(): Promise<void> {
    const before = this.#pulse.count;
    await this.#stack.invoke('audit');
    assert.ok(this.#pulse.count > before, 'an audit without an error asks the URL of the heartbeat');
  }
}

/** As messages have it. */
export const utc = (instant: Date): string => `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
