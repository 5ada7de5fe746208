import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FLEET_POINTER_KEY } from '../../contract/fleet-store.ts';
import { reconcile, removeSchedules } from '../../functions/reconcile.ts';
import { FakeSchedules } from '../helpers/fake-schedules.ts';
import { fleetFile, NIGHTLY, TestStack } from '../helpers/test-stack.ts';

const WEEKLY = { full: 'cron(0 1 ? * SUN *)', incremental: 'cron(0 4 ? * mon-sat *)', deadline: '4h' };
const TWO = { carcosa: {}, purr: { sets: ['etc', 'home'] } };

async function reconciled(
  hosts = TWO,
  policies: Parameters<typeof fleetFile>[1] = { weekly: WEEKLY, nightly: NIGHTLY },
) {
  const stack = await TestStack.of(hosts, policies);
  const schedules = new FakeSchedules();
  await reconcile(stack.stack, schedules);
  return { stack, schedules };
}

describe('rules', () => {
  test('are made of every schedule, as EventBridge takes it, with the deadline', async () => {
    const { stack, schedules } = await reconciled();
    assert.deepEqual(schedules.texts, [
      'nightly incremental cron(0 4 * * ? *)',
      'weekly full cron(0 1 ? * SUN *)',
      'weekly incremental cron(0 4 ? * MON-SAT *)',
    ]);
    assert.equal(schedules.rules.get('weekly full')?.deadline, 4 * 3_600_000);
    assert.deepEqual(stack.messages(), [], 'nobody is bothered by a first fleet file');
  });

  test('follow the fleet file: new ones, changed ones, and those that are gone', async () => {
    const { stack, schedules } = await reconciled();
    stack.at('2026-11-20T12:00:00Z');
    const monthly = { full: 'cron(0 1 1 * ? *)' };
    await stack.apply(fleetFile(TWO, { monthly, nightly: { ...NIGHTLY, incremental: 'cron(0 5 * * ? *)' } }));
    const { put, removed, errors } = await reconcile(stack.stack, schedules);
    assert.deepEqual(schedules.texts, ['monthly full cron(0 1 1 * ? *)', 'nightly incremental cron(0 5 * * ? *)']);
    assert.deepEqual([put.length, removed.length, errors.length], [2, 2, 0]);
  });

  test('of an unchanged fleet file are put again, in case somebody took them away', async () => {
    const { stack, schedules } = await reconciled();
    const before = schedules.texts;
    schedules.rules.delete('nightly incremental');
    await reconcile(stack.stack, schedules);
    assert.deepEqual(schedules.texts, before);
    assert.deepEqual(stack.messages(), []);
  });

  test('stay as they are where there is no usable fleet file', async () => {
    const { stack, schedules } = await reconciled();
    const before = schedules.texts;
    const { etag } = await stack.memory.head(FLEET_POINTER_KEY);
    await stack.memory.put(FLEET_POINTER_KEY, Buffer.from('damaged'), { condition: { etag } });
    stack.restart();
    const { errors } = await reconcile(stack.stack, schedules);
    assert.deepEqual([schedules.texts, errors], [before, []]);
  });

  test('of which one fails keep no other from being made or removed', async () => {
    const { stack, schedules } = await reconciled();
    stack.at('2026-11-20T12:00:00Z');
    await stack.apply(fleetFile(TWO, { nightly: NIGHTLY, daily: NIGHTLY }));
    schedules.before = (_does, { policy }) => {
      if (policy === 'nightly') throw new Error('throttled');
    };
    const { errors } = await reconcile(stack.stack, schedules);
    assert.deepEqual(errors.map(String), ['Error: throttled']);
    assert.deepEqual([...schedules.rules.keys()].sort(), ['daily incremental', 'nightly incremental']);
  });

  test('are all taken away at teardown', async () => {
    const { schedules } = await reconciled();
    await removeSchedules(schedules);
    assert.deepEqual(schedules.texts, []);
  });
});

describe('what is no longer watched', () => {
  const dropped = async () => {
    const made = await reconciled();
    made.stack.at('2026-11-20T12:00:00Z');
    await made.stack.apply(fleetFile({ carcosa: {} }, { nightly: NIGHTLY }));
    return made;
  };

  test('is mailed, by host and set, once', async () => {
    const { stack, schedules } = await dropped();
    await reconcile(stack.stack, schedules);
    await reconcile(stack.stack, schedules);
    assert.equal(stack.notifier.published.length, 1);
    const [mail] = stack.notifier.take();
    assert.equal(mail?.subject, 'Offsite: no longer watched: carcosa, purr');
    assert.equal(mail?.critical, false);
    assert.match(mail?.email ?? '', /carcosa\/data: no full any more\n {2}purr\/etc\n {2}purr\/home\n/);
  });

  test('of a renamed host is its old name', async () => {
    const { stack, schedules } = await reconciled();
    await stack
      .at('2026-11-20T12:00:00Z')
      .apply(
        fleetFile(
          { carcosa: {}, purrr: { node: 'mi-purr', sets: ['etc', 'home'] } },
          { weekly: WEEKLY, nightly: NIGHTLY },
        ),
      );
    await reconcile(stack.stack, schedules);
    assert.deepEqual(stack.messages(), ['no longer watched: purr']);
  });

  test('is mailed also where two fleet files were applied since the last time', async () => {
    const { stack, schedules } = await dropped();
    await stack
      .at('2026-11-20T13:00:00Z')
      .apply(fleetFile({ carcosa: {} }, { nightly: { ...NIGHTLY, deadline: '2h' } }));
    await reconcile(stack.stack, schedules);
    assert.deepEqual(stack.messages(), ['no longer watched: carcosa, purr']);
  });

  test('is mailed by the next run where the mail could not be sent; the schedules are made all the same', async () => {
    const { stack, schedules } = await dropped();
    stack.notifier.beforePublish = () => {
      throw new Error('no SNS');
    };
    const { errors } = await reconcile(stack.stack, schedules);
    assert.deepEqual(errors.map(String), ['Error: no SNS']);
    assert.deepEqual(schedules.texts, ['nightly incremental cron(0 4 * * ? *)']);
    stack.notifier.beforePublish = () => {};
    await reconcile(stack.stack, schedules);
    await reconcile(stack.stack, schedules);
    assert.deepEqual(stack.messages(), ['no longer watched: carcosa, purr']);
  });

  test('is mailed when somebody listens at last, and is no error until then', async () => {
    const { stack, schedules } = await reconciled();
    await stack.at('2026-11-20T12:00:00Z').apply(fleetFile({ carcosa: {} }, { weekly: WEEKLY, nightly: NIGHTLY }));
    stack.notifier.deaf.add('alerts');
    for (let day = 0; day < 2; day++) assert.deepEqual((await reconcile(stack.stack, schedules)).errors, []);
    assert.deepEqual(stack.messages(), []);
    stack.notifier.deaf.clear();
    await reconcile(stack.stack, schedules);
    await reconcile(stack.stack, schedules);
    assert.deepEqual(stack.messages(), ['no longer watched: purr']);
  });

  test('is mailed again rather than not at all where reconcile died after a rule', async () => {
    const { stack, schedules } = await dropped();
    let left = 1;
    schedules.before = () => {
      if (left-- <= 0) throw new Error('killed');
    };
    await reconcile(stack.stack, schedules);
    schedules.before = () => {};
    await reconcile(stack.stack, schedules);
    assert.equal(new Set(stack.messages()).size, 1);
  });
});
