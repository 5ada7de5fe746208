/** A fleet file, and everything that follows from it: rules, firings, commands, backups, verdicts, alerts. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { instantText, runIdForSlot } from '../../../contract/ids.ts';
import { objectKey } from '../../../contract/keys.ts';
import type { Latest, Sent, Verdict } from '../../../contract/verdict.ts';
import { parseSlotComment } from '../../../functions/ports/commands.ts';
import {
  applyFleet,
  dailyAt,
  enrol,
  knownToSsm,
  minuteOf,
  renewCredentials,
  trust,
  writeScript,
} from '../harness/fleet.ts';
import { killFunction } from '../harness/kill.ts';
import type { DeployedStack, Mail } from '../harness/stack.ts';
import { stepsOf } from '../harness/story.ts';
import { sleepUntil, waitFor } from '../harness/wait.ts';
import type { SimulatedHost } from '../ssm/host.ts';

const MINUTE = 60_000;
const NODES = { alpha: 'mi-0aaaaaaaaaaaaaaa1', beta: 'i-0bbbbbbbbbbbbbbb2', ghost: 'mi-0cccccccccccccccc' };
type Name = keyof typeof NODES;
/** Known to SSM by nobody. */
const NOBODY = 'mi-0ddddddddddddddd4';
/** More than fit one batch. All of them are switched off. */
const ASLEEP = Array.from({ length: 52 }, (_, at) => `mi-0eeeeeeeeeeeeee${String(at).padStart(2, '0')}`);

const DUMP = 'printf "SELECT 1;\\n" > "$OFFSITE_STAGE/dump.sql"';

export function orchestration(deployed: () => Promise<DeployedStack>): void {
  test('orchestration', { timeout: 420_000 }, async (t) => {
    const stack = await deployed();
    const { ssm, gateway, aws, seed } = stack.world;
    const step = stepsOf(t);
    const hosts = {} as Record<Name, SimulatedHost>;
    let due = new Date(0);
    let soon = new Date(0);
    t.diagnostic(`status events are lost, doubled and swapped by OFFSITE_SEED=${seed}`);

    await step('hosts enrol with their own role sessions, and are certified', async () => {
      hosts.alpha = await enrol(stack, { name: 'alpha', node: NODES.alpha });
      // An agent of before ENV_VAR: the payload comes as text in the script.
      hosts.beta = await enrol(stack, { name: 'beta', node: NODES.beta, agentVersion: '3.3.0.0', script: DUMP });
      hosts.ghost = await enrol(stack, { name: 'ghost', node: NODES.ghost });
      hosts.ghost.online = false;
      for (const node of ASLEEP) knownToSsm(stack, node).online = false;
      await trust(stack, Object.values(NODES));
    });

    await step('a fleet file is put: reconcile makes its rules, and no others', async () => {
      // What is due this minute fires tomorrow next: here it is fired by hand, a bit late, as EventBridge may.
      due = minuteOf(Date.now());
      soon = minuteOf(Date.now() + 110_000);
      const policy = (at: Date, names: string[], deadline = '6h') => ({ hosts: names, full: dailyAt(at), deadline });
      const sleepers = ASLEEP.map((node, at) => [`sleeper-${at}`, node] as const);
      const all = [...Object.entries(NODES), ['nobody', NOBODY] as const, ...sleepers];
      await applyFleet(
        stack,
        {
          hosts: Object.fromEntries(all.map(([name, node]) => [name, { node, sets: ['data'] }])),
          policies: {
            silent: policy(due, ['ghost'], '2m'),
            fired: policy(due, ['alpha', 'beta', 'nobody']),
            large: policy(
              due,
              sleepers.map(([name]) => name),
            ),
            real: policy(soon, ['alpha']),
          },
        },
        new Date(due.getTime() - 60 * MINUTE),
      );
      const wanted = ['fired', 'large', 'real', 'silent'].map((name) => `${stack.name}-s-${name}-full`);
      const rules = await waitFor('the rules', async () => {
        const found = await stack.rules(`${stack.name}-s-`);
        return found.length === wanted.length ? found : null;
      });
      assert.deepEqual(rules.map(({ Name }) => Name).sort(), wanted);
    });

    const fire = (policy: string) => ({ policy, type: 'full', time: new Date(due.getTime() + 5000).toISOString() });

    await step('a rule fires while a host is switched off: the command waits for it', async () => {
      await stack.invoke('dispatch', fire('silent'));
      assert.equal(ssm.commands.at(-1)?.invocations[0]?.status, 'Pending');
    });

    await step('a rule fires: dispatch, agents, manifests, verdicts; and firing it again changes nothing', async () => {
      await stack.invoke('dispatch', fire('fired'));
      const commands = ssm.commands.length;
      await stack.invoke('dispatch', fire('fired'));
      assert.equal(ssm.commands.length, commands, 'a rule that fires twice sends nothing twice');
      await ssm.idle();
      for (const host of ['alpha', 'beta'] as const) {
        const verdict = await verdictOf(stack, { host, policy: 'fired', due });
        assert.deepEqual([verdict.outcome, verdict.witness, verdict.accepted], ['complete', 'manifest', true], host);
      }
      const latest = await stack.document<Latest>(objectKey({ kind: 'latest', host: 'alpha', set: 'data' }));
      assert.equal(latest?.head?.sequence, 1);
      assert.match(latest?.prefix ?? '', new RegExp(`:${NODES.alpha}$`), 'the prefix is the role session');
      assert.match(hosts.alpha.lastScript, /SSM_payload="\$SSM_payload"/, 'the new agent puts no text in');
      assert.match(hosts.beta.lastScript, /SSM_payload="[A-Za-z0-9_-]{40,}"/, 'the old agent puts the text in');
    });

    await step('a host that SSM does not know is alerted at once, and costs the others nothing', async () => {
      const mail = await stack.mail('nobody is not known', about('nobody'));
      assert.ok(mail.critical);
      const sent = await stack.document<Sent>(objectKey({ kind: 'sent', policy: 'fired', due, number: 0 }));
      assert.deepEqual(
        sent?.unknown.map(({ node }) => node),
        [NOBODY],
      );
      assert.deepEqual(sent?.commands.flatMap(({ nodes }) => nodes).sort(), [NODES.alpha, NODES.beta].sort());
    });

    await step('dispatch is killed between two batches: Lambda runs it again, and it sends the rest', async () => {
      const name = `${stack.name}-dispatch`;
      const before = ssm.commands.length;
      let killed = 0;
      const action = /^ssm:SendCommand$/;
      const kill = () => {
        killed = killFunction(name, gateway.endpoint);
        return undefined;
      };
      gateway.faults.push({ action, resource: new RegExp(`/${ASLEEP[51]}$`), does: kill });
      await aws.invokeAsync(name, fire('large'));
      const marks = [0, 1].map((number) => objectKey({ kind: 'sent', policy: 'large', due, number }));
      const sent = await waitFor(
        'the marks of both batches',
        async () => {
          const found = await Promise.all(marks.map((key) => stack.document<Sent>(key)));
          return found.every((mark) => mark !== null) ? found : null;
        },
        60_000,
      );
      assert.ok(killed > 0);
      const asked = sent.flatMap((mark) => mark?.commands.flatMap(({ nodes }) => nodes) ?? []);
      assert.deepEqual(asked.sort(), ASLEEP.toSorted(), 'every node is asked');
      assert.equal(ssm.commands.length, before + 2, 'the batch that had been sent is not sent again');
    });

    await step('a failed script is an alert that names the host', async () => {
      writeScript(hosts.beta, 'echo "pg_dump: connection refused" >&2\nexit 7');
      await renewCredentials(stack, hosts.beta);
      await backUpNow(stack, ['beta']);
      const mail = await stack.mail('the failed script', about('beta'));
      assert.ok(mail.critical);
      assert.match(mail.email, /beta/);
      assert.match(mail.email, /pg_dump: connection refused/);
    });

    await step('a rule of EventBridge itself fires', async () => {
      const verdict = await verdictOf(stack, { host: 'alpha', policy: 'real', due: soon }, 150_000);
      assert.equal(verdict.outcome, 'complete');
    });

    await step('a run goes on with new credentials when the old ones expire under it', async () => {
      const role = stack.outputs.HostRoleName ?? '';
      const [old, fresh] = [await aws.assumeRole(role, NODES.alpha), await aws.assumeRole(role, NODES.alpha)];
      hosts.alpha.giveCredentials(old);
      let expired = 0;
      const expire = (key: string) => {
        if (key !== old.accessKeyId) return 'pass';
        // Written anew by the SSM agent, after the backup has read them.
        hosts.alpha.giveCredentials(fresh);
        expired++;
        return { status: 400, code: 'ExpiredToken' };
      };
      const fault = { action: /^s3:PutObject$/, resource: /\/data\//, times: Number.POSITIVE_INFINITY, does: expire };
      gateway.faults.push(fault);
      writeFileSync(join(hosts.alpha.root, 'srv/data/more.txt'), 'more\n');
      await backUpNow(stack, ['alpha']);
      gateway.faults.splice(gateway.faults.indexOf(fault), 1);
      assert.ok(expired > 0);
      const slot = parseSlotComment(ssm.commands.at(-1)?.comment ?? '');
      assert.equal(slot?.policy, 'manual');
      const verdict = await verdictOf(stack, { host: 'alpha', policy: 'manual', due: new Date(slot?.due ?? 0) });
      assert.equal(verdict.outcome, 'complete');
    });

    await step('audit finds the silent host once its deadline has passed, and tells it once', async () => {
      await sleepUntil(new Date(due.getTime() + 2 * MINUTE + 1000));
      await stack.invoke('audit');
      const mail = await stack.mail('ghost is missed', about('ghost'));
      assert.match(mail.subject, /missed/i);
      await stack.invoke('audit');
      assert.equal((await stack.mails()).filter(about('ghost')).length, 1);
    });

    await step('the next good runs close both problems, and people hear of it', async () => {
      // The old command is not delivered any more, as SSM keeps it no longer than asked.
      ssm.advance(3600);
      hosts.ghost.online = true;
      writeScript(hosts.beta, DUMP);
      await backUpNow(stack, ['beta', 'ghost']);
      for (const problem of ['failed.data.beta', 'missed.data.ghost']) {
        await waitFor(`the end of ${problem}`, async () => {
          const found = await stack.document<{ closed: object | null }>(`alerts/${problem}.json`);
          return found?.closed ?? null;
        });
      }
      // Ends are audit's to tell, all of one pass in one notice.
      await stack.invoke('audit');
      for (const host of ['beta', 'ghost']) {
        const isGood = ({ subject, email }: Mail) => /good again/i.test(subject) && email.includes(host);
        await stack.mail(`${host} is good again`, isGood);
      }
    });

    await step('nothing of it ended in the dead-letter queue', async () => {
      assert.deepEqual(await stack.deadLetters(), []);
      t.diagnostic(`status events: ${JSON.stringify(ssm.events.counts)}`);
    });
  });
}

const about =
  (host: string) =>
  ({ subject }: Mail): boolean =>
    subject.includes(host);

/** `offsite fleet run`: dispatch of a slot of policy `manual`. */
async function backUpNow(stack: DeployedStack, names: readonly Name[]): Promise<void> {
  const deadline = new Date(Date.now() + 60 * MINUTE).toISOString();
  for (const host of names) {
    // A manual slot is known by its second: a second one within it would be taken for the first one fired again.
    await sleep(1000);
    const { nodes } = (await stack.invoke('dispatch', { manual: { host, type: 'full', deadline } })) as {
      nodes: number;
    };
    assert.equal(nodes, 1, `${host} was asked`);
  }
  await stack.world.ssm.idle();
}

/** The verdict of a slot's run, once there is one. */
function verdictOf(
  stack: DeployedStack,
  { host, policy, due }: { host: Name; policy: string; due: Date },
  limit = 30_000,
): Promise<Verdict> {
  const run = runIdForSlot({ policy, due, node: NODES[host], set: 'data' });
  const key = objectKey({ kind: 'slot-verdict', due, policy, host, set: 'data', run });
  const what = `the verdict of ${host} for ${policy} at ${instantText(due)}`;
  return waitFor(what, () => stack.document<Verdict>(key), limit);
}
