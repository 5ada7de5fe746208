/** The digest as audit sends it: once a day, never not at all, and with everything that was judged in it once. */

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { headLines } from '../../contract/heads.ts';
import { type Audited, audit } from '../../functions/audit.ts';
import { faultyStore } from '../helpers/faulty-store.ts';
import { Died, Mortality, mortalStore } from '../helpers/mortal.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const [D20, D21, D22] = ['20', '21', '22'].map((day) => `2026-11-${day}T04:00:00Z`) as [string, string, string];

let stack: TestStack;
beforeEach(async () => {
  stack = await TestStack.of({ carcosa: {}, purr: {} });
  await audited('2026-11-19T13:00:00Z');
});

async function audited(...times: string[]): Promise<Audited> {
  let last: Audited | undefined;
  for (const time of times) {
    last = await stack.at(time).audit();
    assert.deepEqual(last.errors, []);
  }
  return last as Audited;
}

const digests = () => stack.notifier.takeDigests();
const subjects = () => digests().map(({ subject }) => subject);
const goodNight = async (due: string) => {
  for (const host of ['carcosa', 'purr']) await stack.goodRun(due, { host });
};

describe('a digest', () => {
  test('is sent by the first audit at or after its minute, by email alone', async () => {
    await goodNight(D20);
    await audited('2026-11-20T06:45:00Z', '2026-11-20T06:59:59Z');
    assert.deepEqual(digests(), []);
    assert.equal((await audited('2026-11-20T07:00:00Z')).digestSent, true);
    const [sent, ...others] = digests();
    assert.deepEqual([others, sent?.topic, sent?.critical], [[], 'alerts', false]);
    assert.equal(sent?.subject, 'Offsite digest: all well, 2 sets of 2 hosts');
    assert.match(sent?.email ?? '', /The next one is due at 2026-11-21 07:00 UTC/);
    assert.equal((await audited('2026-11-20T07:15:00Z', '2026-11-21T06:59:00Z')).digestSent, false);
    assert.deepEqual(digests(), []);
    await audited('2026-11-21T07:09:00Z');
    assert.deepEqual(subjects(), ['Offsite digest: all well, 2 sets of 2 hosts']);
  });

  test('is due when the fleet file says', async () => {
    const file = fleetFile({ carcosa: {}, purr: {} });
    await stack.apply({ ...(file as object), digest: 'cron(30 18 ? * FRI *)' });
    await audited('2026-11-20T07:00:00Z', '2026-11-20T18:15:00Z');
    assert.deepEqual(digests(), []);
    await audited('2026-11-20T18:30:00Z');
    assert.match(digests()[0]?.email ?? '', /The next one is due at 2026-11-27 18:30 UTC/);
  });

  test('after three days without an audit is one, and says since when it covers', async () => {
    await goodNight(D20);
    await audited('2026-11-20T07:00:00Z');
    digests();
    await goodNight(D22);
    await audited('2026-11-23T06:00:00Z');
    const [sent, ...others] = digests();
    assert.deepEqual(others, []);
    assert.match(
      sent?.email ?? '',
      /was due at 2026-11-22 07:00 UTC, and says what happened since 2026-11-20 07:00 UTC/,
    );
    await audited('2026-11-23T06:15:00Z', '2026-11-23T07:00:00Z');
    assert.match(digests()[0]?.email ?? '', /since 2026-11-22 07:00 UTC/);
  });

  test('is sent again, and the same, where its sender dies before it could say so', async () => {
    await goodNight(D20);
    stack.at('2026-11-20T07:00:00Z');
    const counting = new Mortality();
    const steps = (life: Mortality) => audit(stack.over(mortalStore(stack.memory, life)));
    // The last step of an audit is to say in its place that the digest was sent.
    const untouched = await stack.memory.get('audit/state.json');
    await steps(counting);
    const [first] = digests();
    stack.memory.overwrite('audit/state.json', untouched.body);
    const { errors } = await steps(new Mortality(counting.steps, 'before'));
    assert.ok(errors[0] instanceof Died);
    assert.deepEqual(digests(), [first]);
    await audited('2026-11-20T07:15:00Z');
    const [again] = digests();
    assert.equal(again?.email, first?.email);
    await audited('2026-11-20T07:30:00Z');
    assert.deepEqual(digests(), []);
  });

  test('that dies half-way keeps audit from nothing: its place is saved, with what it judged', async () => {
    await stack.at(D20).dispatch(D20);
    stack.at('2026-11-20T12:00:00Z');
    const faults = [{ operation: 'list', key: /^latest\//, does: 'fail', code: 'store-denied' }] as const;
    const { errors, digestSent } = await audit(stack.over(faultyStore(stack.memory, { faults })));
    assert.deepEqual([errors.length, digestSent, digests()], [1, false, []]);
    assert.deepEqual([await stack.isClosed(D20), stack.messages().length], [true, 1]);
    const { cursor, digest } = JSON.parse((await stack.memory.get('audit/state.json')).body.toString());
    assert.deepEqual([cursor, digest.due < D20], ['2026-11-20T12:00:00Z', true]);
    await audited('2026-11-20T12:15:00Z');
    assert.equal(digests().length, 1);
  });

  test('of two audits at the same time is sent by one', async () => {
    await goodNight(D20);
    stack.at('2026-11-20T07:00:00Z');
    const both = await Promise.all([stack.audit(), stack.audit()]);
    assert.deepEqual(both.map(({ digestSent }) => digestSent).sort(), [false, true]);
    assert.equal(digests().length, 1);
  });

  test('that cannot be published is tried again, at each audit', async () => {
    stack.notifier.beforePublish = () => {
      throw new Error('InternalError');
    };
    for (const time of ['07:00', '07:15']) {
      const { errors, digestSent } = await stack.at(`2026-11-20T${time}:00Z`).audit();
      assert.deepEqual([errors.length, digestSent], [1, false]);
    }
    stack.notifier.beforePublish = () => {};
    await audited('2026-11-20T07:30:00Z');
    assert.equal(digests().length, 1);
  });

  test('is sent without what cannot be read, and never says then that all is well', async () => {
    await goodNight(D20);
    const faults = [{ operation: 'get', key: /^latest\/purr/, does: 'fail', code: 'store-denied' }] as const;
    stack.at('2026-11-20T07:00:00Z');
    const { errors } = await audit(stack.over(faultyStore(stack.memory, { faults })));
    assert.equal(errors.length, 1);
    const [sent] = digests();
    assert.equal(sent?.subject, 'Offsite digest: incomplete, 1 record could not be read');
    assert.match(sent?.email ?? '', /^carcosa\/data 1 /m);
  });

  test('comes at once where the place of audit was lost, with what happened since the fleet file or for two days', async () => {
    await goodNight(D20);
    await audited('2026-11-20T07:00:00Z');
    digests();
    stack.memory.remove('audit/state.json');
    await audited('2026-11-20T09:00:00Z');
    const [sent, ...others] = digests();
    assert.deepEqual(others, []);
    assert.match(sent?.email ?? '', /says what happened since 2026-11-19 12:00 UTC/);
    assert.match(sent?.email ?? '', /First run of a set \(2\)/);
  });
});

describe('in a digest are', () => {
  const digest = async (time: string) => {
    digests();
    await audited(time);
    return digests()[0]?.email ?? '';
  };

  test('every open problem, and none that is over', async () => {
    await stack.at(D20).dispatch(D20);
    await stack.goodRun(D20, { host: 'purr' });
    await audited('2026-11-20T12:00:00Z');
    const one = await digest('2026-11-21T07:00:00Z');
    assert.match(
      one,
      /^Open problems: 1\n {2}MISSED \(1\)\n {4}carcosa\/data since 2026-11-20 04:00 UTC: never started/m,
    );
    await stack.at('2026-11-21T07:10:00Z').completeRun(await stack.host('carcosa').backUp());
    await stack.at('2026-11-21T07:20:00Z').completeRun(await stack.host('purr').backUp());
    await audited('2026-11-21T07:30:00Z');
    assert.match(await digest('2026-11-21T11:00:00Z'), /^$/);
    await stack.apply({ ...(fleetFile({ carcosa: {}, purr: {} }) as object), digest: 'cron(0 11 * * ? *)' });
    assert.match(await digest('2026-11-21T11:15:00Z'), /^Open problems: none$/m);
  });

  test('also what is told with another problem, and with which', async () => {
    await audited('2026-11-20T12:00:00Z');
    const email = await digest('2026-11-21T07:00:00Z');
    assert.match(email, /^ {2}MISSED \(2\)\n {4}carcosa\/data .*\(told with not-dispatched\.-\.nightly\)$/m);
    assert.match(email, /^ {2}NOT DISPATCHED \(1\)\n {4}policy nightly since 2026-11-20 04:00 UTC/m);
  });

  test('what verdicts noted, whoever gave them, once', async () => {
    await stack.goodRun(D20, { host: 'carcosa' });
    // Nobody tells complete of this one: audit finds it, hours after the digest.
    await stack
      .at('2026-11-20T04:20:00Z')
      .host('purr')
      .backUp({ slot: { policy: 'nightly', due: D20 } });
    const first = await digest('2026-11-20T07:00:00Z');
    assert.match(first, /^ {2}First run of a set \(1\)\n {4}carcosa\/data: /m);
    await audited('2026-11-20T12:00:00Z');
    await goodNight(D21);
    const second = await digest('2026-11-21T07:00:00Z');
    assert.match(second, /^ {2}First run of a set \(1\)\n {4}purr\/data: /m);
    await goodNight(D22);
    assert.match(await digest('2026-11-22T07:00:00Z'), /^Notices: none$/m);
  });

  test('also of runs that no slot asked for, once', async () => {
    stack.at('2026-11-20T05:00:00Z');
    await stack.completeRun(await stack.host('carcosa').backUp());
    assert.match(await digest('2026-11-20T07:00:00Z'), /^ {2}First run of a set \(1\)\n {4}carcosa\/data: /m);
    assert.doesNotMatch(await digest('2026-11-21T07:00:00Z'), /First run/);
  });

  test('what was judged while it was written, in the next one', async () => {
    stack.at('2026-11-20T06:59:00Z');
    await stack.completeRun(await stack.host('carcosa').backUp());
    assert.match(await digest('2026-11-20T07:00:00Z'), /^Notices: none$/m);
    assert.match(await digest('2026-11-21T07:00:00Z'), /First run of a set \(1\)/);
  });

  test('pauses, and who is watched no more but stored something not long ago', async () => {
    await goodNight(D20);
    await audited('2026-11-20T12:00:00Z');
    await stack.apply(fleetFile({ carcosa: { pause: { until: '2026-12-24' } } }, { nightly: NIGHTLY }));
    const email = await digest('2026-11-21T07:00:00Z');
    assert.match(email, /^Paused: 1\n {4}carcosa until 2026-12-24$/m);
    assert.match(email, /watched no more: 1\n {4}purr\/data, last at 2026-11-20 04:20 UTC$/m);
    await audited('2027-02-18T04:19:00Z');
    assert.match(digests()[0]?.email ?? '', /purr\/data, last at/);
    assert.doesNotMatch(await digest('2027-02-18T07:00:00Z'), /purr\/data, last at/);
  });

  test('the heads of all sets, as their manifests are', async () => {
    await goodNight(D20);
    await goodNight(D21);
    const email = await digest('2026-11-21T07:00:00Z');
    const heads = await Promise.all(
      ['purr', 'carcosa'].map(async (host) => {
        const head = (await stack.latest(host))?.head;
        return { host, set: 'data', sequence: head?.sequence ?? 0, payload: head?.payload ?? '' };
      }),
    );
    assert.deepEqual(
      heads.map(({ sequence }) => sequence),
      [2, 2],
    );
    assert.ok(email.includes(`\n\n${headLines(heads).join('\n')}\n\n`), email);
  });
});
