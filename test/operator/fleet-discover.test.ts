/** Which machines are not in the fleet file yet, and the lines that put them there. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseFleet } from '../../contract/fleet.ts';
import { discovered, hostLines } from '../../operator/fleet-discover.ts';
import { FakeNodes } from '../helpers/fake-nodes.ts';
import { fleetFile } from '../helpers/test-stack.ts';

const NOW = new Date('2026-11-20T12:00:00Z');
const fleet = parseFleet(fleetFile({ carcosa: {}, purr: {} }), 'fleet.yml', NOW);

async function nodes(): Promise<FakeNodes> {
  const fake = new FakeNodes();
  fake.add('mi-carcosa');
  fake.add('mi-third', { name: 'third.example.org', tag: 'none' });
  fake.add('i-4', { name: '', tag: 'other' });
  return fake;
}

test('nodes in no fleet file, hosts without a node, and those without the tag', async () => {
  const fake = await nodes();
  fake.add('mi-carcosa', { tag: 'none' });
  const found = discovered(await fake.nodes(), fleet);
  assert.deepEqual(
    found.fresh.map(({ node }) => node),
    ['mi-third', 'i-4'],
  );
  assert.deepEqual(found.unknown, [{ host: 'purr', node: 'mi-purr' }]);
  assert.deepEqual(found.untagged, [{ host: 'carcosa', node: 'mi-carcosa' }]);
  assert.equal(found.nodes, 3);
});

test('without a fleet file all of them', async () => {
  const found = discovered(await (await nodes()).nodes(), null);
  assert.deepEqual([found.fresh.length, found.unknown], [3, []]);
});

test('lines that a fleet file takes as they are, whatever the machines are called', async () => {
  const fake = await nodes();
  const odd = [
    'yes',
    '1.2.3.4',
    '007',
    'carcosa',
    'a b',
    'third.example.com',
    '-x',
    'null',
    'x'.repeat(80),
    'constructor',
  ];
  for (const [i, name] of odd.entries()) fake.add(`mi-${i}`, { name });
  fake.add('12345', { name: '12345', own: { host: '12345', sets: ['etc', 'var'] } });
  const all = await fake.nodes();
  const { fresh } = discovered(all, fleet);
  const { hosts } = parse(`hosts:\n${hostLines(fresh, fleet).join('\n')}`) as {
    hosts: Record<string, { node: string }>;
  };
  assert.equal(Object.keys(hosts).length, fresh.length, 'no two have one name');
  const whole = parseFleet(
    { ...(fleetFile({ carcosa: {}, purr: {} }) as object), hosts: { ...fleet.hosts, ...hosts } },
    'fleet.yml',
    NOW,
  );
  assert.deepEqual(
    fresh.map(({ node }) => node).sort(),
    Object.values(hosts)
      .map(({ node }) => node)
      .sort(),
  );
  assert.deepEqual(whole.hosts.third?.node, 'mi-third');
  assert.deepEqual(whole.hosts['12345']?.sets, ['etc', 'var']);
  assert.equal(whole.hosts['mi-3']?.node, 'mi-3', 'a name that is taken gives way to the node');
});
