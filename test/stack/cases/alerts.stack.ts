/**
 * Who hears what, over days of a deployed stack: a dispatcher that is dead, a host in trouble for a week, the digest and
 * the heartbeat. Days pass in seconds (harness/time.ts), and a day has but the audits in which something may be told:
 * after the backups, after the deadline, after the digest is due, and in the evening.
 */

import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { runIdForSlot } from '../../../contract/ids.ts';
import { objectKey } from '../../../contract/keys.ts';
import type { Verdict } from '../../../contract/verdict.ts';
import { wholeEnvironment } from '../../../system/environment.ts';
import { runToEnd } from '../harness/children.ts';
import { applyFleet, dailyAt, enrol, minuteOf, trust, writeScript } from '../harness/fleet.ts';
import { ROOT } from '../harness/python.ts';
import { DeployedStack, type Mail } from '../harness/stack.ts';
import { stepsOf } from '../harness/story.ts';
import { StackTime } from '../harness/time.ts';
import { waitFor } from '../harness/wait.ts';
import type { World } from '../harness/world.ts';
import type { SimulatedHost } from '../ssm/host.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const NODES = { alpha: 'mi-0f0f0f0f0f0f0f0a1', beta: 'mi-0f0f0f0f0f0f0f0b2', gamma: 'mi-0f0f0f0f0f0f0f0c3' };
type Name = keyof typeof NODES;
const SETS: Record<Name, readonly string[]> = { alpha: ['data', 'etc'], beta: ['data'], gamma: ['data'] };
const NAMES = Object.keys(NODES) as Name[];
const POLICY = 'nightly';
const DEADLINE = 6 * HOUR;
const DIGEST = 8 * HOUR;
/** After the due minute. */
const AUDITS = [30 * MINUTE, DEADLINE + MINUTE, DIGEST + MINUTE, 16 * HOUR];
const DUMP = 'printf "SELECT 1;\\n" > "$OFFSITE_STAGE/dump.sql"';
/** The emulator answers one call at a time; for what AWS makes of many, see test/simulation and docs/performance.md. */
const MANY = 300;
/** What a call to S3 takes within a region. */
const LATENCY = 20;

/** How it is with alpha on a day; the others are well. */
type Day = 'nobody is asked' | 'the rule fires in vain' | 'well' | 'silent' | 'failing';

interface Status {
  ok: boolean;
  problems: { kind: string; policy: string | null; under: string | null }[];
}

export function alerts(world: () => Promise<World>): void {
  test('alerts', { timeout: 420_000 }, async (t) => {
    const { operator, gateway, ssm, aws } = await world();
    const parameters = { stack: 'offsite-watch', operatorKey: operator.publicKey, phone: '+491701234567' };
    const stack = await DeployedStack.deploy(await world(), parameters);
    const step = stepsOf(t);
    const hosts = {} as Record<Name, SimulatedHost>;
    const pulse = await Pulse.start();
    // Of EventBridge, whose time is real, nothing is due meanwhile.
    const first = minuteOf(Date.now() + 12 * HOUR);
    const dueOn = (day: number) => new Date(first.getTime() + (day - 1) * DAY);
    let time: StackTime;
    let today = 0;

    /** One day with its audits; what people got in it. */
    const pass = async (how: Day): Promise<{ told: Mail[]; digest: string }> => {
      const due = dueOn(++today);
      const before = (await stack.mails()).length;
      await time.goTo(new Date(due.getTime() + 20_000));
      const event = { policy: POLICY, type: 'full', time: due.toISOString() };
      hosts.alpha.online = how !== 'silent';
      writeScript(hosts.alpha, how === 'failing' ? 'echo "disk on fire" >&2\nexit 7' : DUMP);
      if (how === 'the rule fires in vain') {
        await aws.invokeAsync(`${stack.name}-dispatch`, event);
        await waitFor('its dead letter', async () => (await stack.deadLetterCount()) || null, 60_000);
      } else if (how !== 'nobody is asked') {
        await stack.invoke('dispatch', event);
        await ssm.idle();
        for (const name of NAMES) {
          if (name === 'alpha' && how === 'silent') continue;
          const wanted: string = name === 'alpha' && how === 'failing' ? 'failed' : 'complete';
          for (const set of SETS[name]) {
            const verdict = await verdictOf(stack, { name, set, due });
            assert.equal(verdict.outcome, wanted, `${name}/${set}`);
          }
        }
      }
      for (const after of AUDITS) {
        await time.goTo(new Date(due.getTime() + after));
        const beats = pulse.count;
        await stack.invoke('audit');
        assert.ok(pulse.count > beats, 'an audit without an error asks the URL of the heartbeat');
      }
      const mails = (await stack.mails()).slice(before);
      const isDigest = ({ subject }: Mail) => subject.startsWith('Offsite digest:');
      const [told, digests] = [mails.filter((mail) => !isDigest(mail)), mails.filter(isDigest)];
      assert.equal(digests.length, 1, `one digest on day ${today}`);
      const digestDue = utc(new Date(due.getTime() + DIGEST));
      assert.match(digests[0]?.email ?? '', new RegExp(`This digest was due at ${digestDue}`));
      for (const { subject } of told) t.diagnostic(`day ${today}, ${how}: ${subject}`);
      return { told, digest: digests[0]?.subject ?? '' };
    };

    const status = async (): Promise<{ code: number; found: Status }> => {
      const words = ['fleet', 'status', '--json', '--store', stack.outputs.Store ?? ''];
      const env = { ...wholeEnvironment(), ...time.environment };
      const { code, out } = await runToEnd(`${ROOT}/bin/offsite`, words, {
        ...{ cwd: ROOT, env, limit: 90_000, mustSucceed: false },
      });
      return { code, found: JSON.parse(out) as Status };
    };

    try {
      await step('three hosts, one policy, and an audit that asks the URL of the heartbeat', async () => {
        for (const name of NAMES)
          hosts[name] = await enrol(stack, { name, node: NODES[name], sets: SETS[name], script: DUMP });
        await trust(stack, Object.values(NODES));
        time = new StackTime(stack, Object.values(hosts));
        const entries = NAMES.map((name) => [name, { node: NODES[name], sets: [...SETS[name]] }]);
        const schedule = { full: dailyAt(first), deadline: `${DEADLINE / HOUR}h` };
        await applyFleet(
          stack,
          {
            hosts: Object.fromEntries(entries),
            policies: { [POLICY]: { hosts: NAMES, ...schedule } },
            digest: dailyAt(new Date(first.getTime() + DIGEST)),
            heartbeat: pulse.url,
          },
          new Date(),
        );
        await waitFor('the rule', async () => ((await stack.rules(`${stack.name}-s-`)).length === 1 ? true : null));
        await stack.invoke('audit');
        assert.equal(pulse.count, 1);
        assert.deepEqual(await stack.mails(), []);
      });

      await step(
        'a dispatcher that never runs: one alert for all hosts, by SMS once, and status shows it',
        async () => {
          const { told, digest } = await pass('nobody is asked');
          assert.deepEqual(
            told.map(({ subject }) => subject),
            [`Offsite: NOT DISPATCHED policy ${POLICY} since ${utc(dueOn(today))}: nobody was asked`],
          );
          assert.equal(told[0]?.critical, true);
          assert.match(told[0]?.email ?? '', /all 4 runs of the slot/);
          assert.match(digest, /5 problems open/);
          const { code, found } = await status();
          assert.deepEqual([code, found.ok], [1, false]);
          const open = found.problems.filter(({ under }) => under === null).map(({ kind, policy }) => [kind, policy]);
          assert.deepEqual(open, [['not-dispatched', POLICY]]);
        },
      );

      await step(
        'that runs again: one notice that it is good again, and the digest says that all is well',
        async () => {
          const { told, digest } = await pass('well');
          assert.deepEqual(
            told.map(({ subject }) => subject),
            [`Offsite: GOOD AGAIN policy ${POLICY}, was NOT DISPATCHED since ${utc(dueOn(today - 1))}`],
          );
          assert.equal(digest, 'Offsite digest: all well, 4 sets of 3 hosts');
          const { code, found } = await status();
          assert.deepEqual([code, found.problems], [0, []]);
        },
      );

      await step('a dispatcher that fails each time: one alert, and one mail of what lies in the queue', async () => {
        const denied = { status: 403, code: 'AccessDenied' };
        const fault = {
          principal: new RegExp(`:${stack.name}-dispatch$`),
          action: /^s3:PutObject$/,
          times: Number.POSITIVE_INFINITY,
          does: denied,
        };
        gateway.faults.push(fault);
        const { told } = await pass('the rule fires in vain');
        gateway.faults.splice(gateway.faults.indexOf(fault), 1);
        assert.deepEqual(
          told.map(({ subject, critical }) => [subject.split(' since ')[0], critical]),
          [
            [`Offsite: NOT DISPATCHED policy ${POLICY}`, true],
            ['Offsite: NOT EMPTY dead-letter queue', false],
          ],
        );
        assert.equal((await stack.deadLetters()).length, 1);
      });

      await step('both ends are told in one notice', async () => {
        const { told } = await pass('well');
        assert.equal(told.length, 1);
        assert.match(told[0]?.subject ?? '', /^Offsite: 2 GOOD AGAIN/);
      });

      await step('a week of trouble on one host: four messages at the most, and none about the others', async () => {
        const mails: Mail[] = [];
        const week: Day[] = ['silent', 'silent', 'failing', 'silent', 'failing', 'silent', 'well'];
        for (const how of week) mails.push(...(await pass(how)).told);
        assert.ok(mails.length <= 4, mails.map(({ subject }) => subject).join(' | '));
        for (const { subject, email } of mails) {
          assert.match(`${subject}\n${email}`, /alpha/);
          assert.doesNotMatch(`${subject}\n${email}`, /beta|gamma/);
        }
        assert.match(mails[0]?.subject ?? '', /^Offsite: 2 MISSED since .*: alpha\/data, alpha\/etc$/);
        assert.match(
          mails.at(-1)?.subject ?? '',
          /^Offsite: 2 GOOD AGAIN, were MISSED since .*alpha\/data, alpha\/etc$/,
        );
        assert.equal(mails.filter(({ critical }) => critical).length, 1, 'SMS goes out for the beginning alone');
        const { code, found } = await status();
        assert.deepEqual([code, found.problems], [0, []]);
      });

      await step('nothing of it ended in the dead-letter queue', async () => {
        assert.deepEqual(await stack.deadLetters(), []);
      });

      await step(`${MANY} hosts, and a call to S3 takes ${LATENCY} ms: one audit, one alert`, async () => {
        const names = Array.from({ length: MANY }, (_, at) => `host-${at}`);
        const entries = names.map((name, at) => [name, { node: `mi-${String(at).padStart(17, '0')}`, sets: ['data'] }]);
        const policies = { [POLICY]: { hosts: names, full: dailyAt(first), deadline: `${DEADLINE / HOUR}h` } };
        await applyFleet(stack, { hosts: Object.fromEntries(entries), policies }, time.now());
        const before = (await stack.mails()).length;
        await time.goTo(new Date(dueOn(++today).getTime() + DEADLINE + MINUTE));
        const principal = `function:${stack.name}-audit`;
        const action = /^s3:/;
        gateway.latency = { principal: new RegExp(`^${principal}$`), action, milliseconds: LATENCY };
        const [calls, began] = [gateway.calls.length, performance.now()];
        const audited = (await stack.invoke('audit')) as { missed: number };
        const seconds = (performance.now() - began) / 1000;
        gateway.latency = null;
        assert.equal(audited.missed, MANY);
        const made = gateway.calls.slice(calls).filter((call) => call.principal === principal);
        const asked = made.filter((call) => action.test(call.action)).length;
        const told = (await stack.mails()).slice(before).map(({ subject }) => subject);
        assert.deepEqual(
          told.filter((subject) => !/no longer watched|digest/i.test(subject)),
          [`Offsite: NOT DISPATCHED policy ${POLICY} since ${utc(dueOn(today))}: nobody was asked`],
        );
        t.diagnostic(
          `audit of ${MANY} missed runs: ${seconds.toFixed(1)} s, ${made.length} calls, ${asked} of them to S3, ${(asked / seconds).toFixed(0)} a second`,
        );
        for (const [name, count] of Object.entries(Object.groupBy(made, ({ action: one }) => one)).map(([n, l]) => [
          n,
          l?.length,
        ]))
          t.diagnostic(`${name} ${count}`);
        t.diagnostic(told.join(' | '));
      });
    } finally {
      await pulse.stop();
    }
  });
}

/** As subjects have it. */
const utc = (instant: Date): string => `${instant.toISOString().slice(0, 16).replace('T', ' ')} UTC`;

/** The verdict of a slot's run, once there is one. */
function verdictOf(stack: DeployedStack, { name, set, due }: { name: Name; set: string; due: Date }): Promise<Verdict> {
  const run = runIdForSlot({ policy: POLICY, due, node: NODES[name], set });
  const key = objectKey({ kind: 'slot-verdict', due, policy: POLICY, host: name, set, run });
  return waitFor(`the verdict of ${name}/${set} at ${utc(due)}`, () => stack.document<Verdict>(key), 60_000);
}

/** Whoever offers URLs for heartbeats: it counts how often it was asked. */
class Pulse {
  count = 0;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((_, response) => {
      this.count++;
      response.end('OK');
    });
  }

  static async start(): Promise<Pulse> {
    const pulse = new Pulse();
    await new Promise<void>((resolve) => pulse.#server.listen(0, '127.0.0.1', resolve));
    return pulse;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/of-the-watch`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
