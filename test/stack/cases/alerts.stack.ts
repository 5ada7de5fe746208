/**
 * Who hears what, over days of a deployed stack: a dispatcher that is dead, a host in trouble for a week, the digest and
 * the heartbeat. Days pass in seconds: see harness/days.ts and harness/time.ts.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wholeEnvironment } from '../../../system/environment.ts';
import { runToEnd } from '../harness/children.ts';
import { AFTER_DEADLINE, type Day, Days, POLICY, utc } from '../harness/days.ts';
import { applyFleet } from '../harness/fleet.ts';
import { Pulse } from '../harness/pulse.ts';
import { ROOT } from '../harness/python.ts';
import { DeployedStack, type Mail } from '../harness/stack.ts';
import { stepsOf } from '../harness/story.ts';
import type { World } from '../harness/world.ts';

/** The emulator takes some 100 calls a second, one after the other. What S3 itself makes of 5,000 is for test/simulation. */
const MANY = 100;
/** Milliseconds that a call to S3 takes within a region. */
const LATENCY = 20;
const WEEK: readonly Day[] = ['silent', 'silent', 'failing', 'silent', 'failing', 'silent', 'well'];

interface Status {
  ok: boolean;
  problems: { kind: string; policy: string | null; under: string | null }[];
}

export function alerts(world: () => Promise<World>): void {
  test('alerts', { timeout: 420_000 }, async (t) => {
    const { operator, gateway } = await world();
    const parameters = { stack: 'offsite-watch', operatorKey: operator.publicKey, phone: '+491701234567' };
    const stack = await DeployedStack.deploy(await world(), parameters);
    const pulse = await Pulse.start();
    t.after(() => pulse.stop());
    const step = stepsOf(t);
    let days: Days;

    const pass = async (how: Day) => {
      const passed = await days.pass(how);
      for (const { subject } of passed.told) t.diagnostic(`${utc(days.due)}, ${how}: ${subject}`);
      return passed;
    };
    const status = async (): Promise<{ code: number; found: Status }> => {
      const words = ['fleet', 'status', '--json', '--store', stack.outputs.Store ?? ''];
      const env = { ...wholeEnvironment(), ...days.time.environment };
      const options = { cwd: ROOT, env, limit: 90_000, mustSucceed: false };
      const { code, out } = await runToEnd(`${ROOT}/bin/offsite`, words, options);
      return { code, found: JSON.parse(out) as Status };
    };

    await step(
      'three hosts in one policy: an audit asks the URL of the heartbeat, and there is nothing to tell',
      async () => {
        days = await Days.begin(stack, pulse);
        assert.deepEqual(await stack.mails(), []);
      },
    );

    await step('a dispatcher that never runs: one alert for all hosts, one SMS; status shows it', async () => {
      const { told, digest } = await pass('nobody is asked');
      assert.deepEqual(subjectsOf(told), [
        `Offsite: NOT DISPATCHED policy ${POLICY} since ${utc(days.due)}: nobody was asked`,
      ]);
      assert.equal(told[0]?.critical, true);
      assert.match(told[0]?.email ?? '', /all 4 runs of the slot/);
      assert.match(digest, /5 problems open: 4 missed, 1 not-dispatched/);
      const { code, found } = await status();
      const open = found.problems.filter(({ under }) => under === null).map(({ kind, policy }) => [kind, policy]);
      assert.deepEqual([code, found.ok, open], [1, false, [['not-dispatched', POLICY]]]);
    });

    await step('that runs again: one notice that it is good again, and a digest that says all is well', async () => {
      const began = days.due;
      const { told, digest } = await pass('well');
      assert.deepEqual(subjectsOf(told), [
        `Offsite: GOOD AGAIN policy ${POLICY}, was NOT DISPATCHED since ${utc(began)}`,
      ]);
      assert.equal(digest, 'Offsite digest: all well, 4 sets of 3 hosts');
      const { code, found } = await status();
      assert.deepEqual([code, found.problems], [0, []]);
    });

    await step(
      'that fails whenever its rule fires: one alert, and a mail without SMS of the event it left',
      async () => {
        const fault = {
          principal: new RegExp(`^function:${stack.name}-dispatch$`),
          action: /^s3:PutObject$/,
          times: Number.POSITIVE_INFINITY,
          does: { status: 403, code: 'AccessDenied' },
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
      },
    );

    await step('and is mended: both ends are told in one notice', async () => {
      const { told } = await pass('well');
      assert.equal(told.length, 1);
      assert.match(told[0]?.subject ?? '', /^Offsite: 2 GOOD AGAIN, were NOT DISPATCHED and NOT EMPTY since/);
    });

    await step('a week of trouble on one host: four messages at the most, and none about the others', async () => {
      const mails: Mail[] = [];
      for (const how of WEEK) mails.push(...(await pass(how)).told);
      assert.ok(mails.length <= 4, subjectsOf(mails).join(' | '));
      for (const { subject, email } of mails) {
        assert.match(subject, /alpha/);
        assert.doesNotMatch(`${subject}\n${email}`, /beta|gamma/);
      }
      assert.match(mails[0]?.subject ?? '', /^Offsite: 2 MISSED since .*: alpha\/data, alpha\/etc$/);
      assert.match(
        mails.at(-1)?.subject ?? '',
        /^Offsite: 2 GOOD AGAIN, were MISSED since .*: alpha\/data, alpha\/etc$/,
      );
      assert.equal(mails.filter(({ critical }) => critical).length, 1, 'SMS goes out for the beginning alone');
      const { code, found } = await status();
      assert.deepEqual([code, found.problems], [0, []]);
    });

    await step(
      `${MANY} hosts that nobody asked, and a call to S3 takes ${LATENCY} ms: one audit, one alert`,
      async () => {
        const names = Array.from({ length: MANY }, (_, at) => `host-${at}`);
        const entries = names.map((name, at) => [name, { node: `mi-${String(at).padStart(17, '0')}`, sets: ['data'] }]);
        const policies = { [POLICY]: { hosts: names, ...days.schedule } };
        await applyFleet(stack, { hosts: Object.fromEntries(entries), policies }, days.time.now());
        await stack.mail('who is watched no more', ({ subject }) => subject.includes('no longer watched'));
        const before = (await stack.mails()).length;
        await days.time.goTo(new Date(days.next().getTime() + AFTER_DEADLINE));

        const principal = `function:${stack.name}-audit`;
        gateway.latency = { principal: new RegExp(`^${principal}$`), action: /^s3:/, milliseconds: LATENCY };
        const [calls, began] = [gateway.calls.length, performance.now()];
        const { missed } = (await stack.invoke('audit')) as { missed: number };
        const seconds = (performance.now() - began) / 1000;
        gateway.latency = null;
        assert.equal(missed, MANY);
        const asked = gateway.calls.slice(calls).filter((call) => call.principal === principal);
        const { 's3:GetObject': gets = [], 's3:PutObject': puts = [] } = Object.groupBy(asked, ({ action }) => action);
        t.diagnostic(
          `audit of ${MANY} missed runs: ${seconds.toFixed(1)} s, ${asked.length} calls (${gets.length} GET, ${puts.length} PUT)`,
        );
        // The day's digest is due by its default.
        const told = (await stack.mails())
          .slice(before)
          .filter(({ subject }) => !subject.startsWith('Offsite digest:'));
        assert.deepEqual(subjectsOf(told), [
          `Offsite: NOT DISPATCHED policy ${POLICY} since ${utc(days.due)}: nobody was asked`,
        ]);
      },
    );

    await step('nothing else ended in the dead-letter queue', async () => {
      assert.deepEqual(await stack.deadLetters(), []);
    });
  });
}

const subjectsOf = (mails: readonly Mail[]): string[] => mails.map(({ subject }) => subject);
