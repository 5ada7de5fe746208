/** What hosts and functions may not do, tried on the emulator with the deployed policies and real sessions. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Credentials } from '../harness/aws.ts';
import { textsOf } from '../harness/aws.ts';
import type { DeployedStack } from '../harness/stack.ts';

interface Attack {
  readonly what: string;
  readonly method: string;
  /** Behind the bucket. */
  readonly path: string;
  readonly headers?: Record<string, string>;
}

const ABSENT = { 'if-none-match': '*' };

export function rights(deployed: () => Promise<DeployedStack>): void {
  test('rights', { timeout: 60_000 }, async (t) => {
    const stack = await deployed();
    const { aws } = stack.world;
    const try_ = async ({ method, path, headers = {} }: Attack, as: Credentials) =>
      (await aws.send({ service: 's3', method, path: `/${stack.bucket}${path}`, headers, body: 'x', as })).status;

    await t.test('a host adds under its own prefix, and can do nothing else', async () => {
      const node = 'mi-0fffffffffffffff1';
      const role = stack.outputs.HostRoleName ?? '';
      const own = `${await roleId(stack, role)}:${node}`;
      const other = own.replace(/.$/, '2');
      const as = await aws.assumeRole(role, node);
      const put = (path: string) => ({ what: 'add', method: 'PUT', path, headers: ABSENT });
      for (const top of ['hosts', 'data', 'meta', 'runs']) {
        assert.equal(await try_(put(`/${top}/${own}/x`), as), 200, top);
      }
      assert.equal(await try_(put(`/data/${own}/x`), as), 412, 'what is there stays');
      const attacks: Attack[] = [
        { what: 'overwrite', method: 'PUT', path: `/data/${own}/x` },
        { what: 'write without the condition', method: 'PUT', path: `/data/${own}/y` },
        { what: 'read its own', method: 'GET', path: `/data/${own}/x` },
        { what: 'head its own', method: 'HEAD', path: `/data/${own}/x` },
        { what: 'list', method: 'GET', path: `/?list-type=2&prefix=data/` },
        { what: 'delete', method: 'DELETE', path: `/data/${own}/x` },
        { ...put(`/data/${other}/x`), what: "write under another host's prefix" },
        { ...put(`/data/${own}x/x`), what: 'write beside its prefix' },
        { ...put('/config/fleet.json'), what: 'write the fleet file' },
        { ...put('/config/trust.json'), what: 'write the trust file' },
        { ...put('/accepted/a/b/c.json'), what: 'accept' },
        { what: 'read another host', method: 'GET', path: `/runs/${other}/x` },
        { what: 'change the lifecycle', method: 'PUT', path: '/?lifecycle' },
        { what: 'change the policy', method: 'PUT', path: '/?policy' },
        { what: 'suspend versioning', method: 'PUT', path: '/?versioning' },
        { what: 'delete the bucket', method: 'DELETE', path: '/' },
      ];
      for (const attack of attacks) assert.equal(await try_(attack, as), 403, attack.what);
    });

    await t.test('a function deletes nothing and puts no data', async () => {
      for (const name of ['Dispatch', 'Complete', 'Audit', 'Reconcile']) {
        const as = await aws.assumeRole(await physicalId(stack, `${name}Role`), 'probe');
        const attacks: Attack[] = [
          { what: 'delete data', method: 'DELETE', path: '/data/a/b' },
          { what: 'delete a manifest', method: 'DELETE', path: '/runs/a/b' },
          { what: 'delete a verdict', method: 'DELETE', path: '/verdicts/a/b' },
          { what: 'put data', method: 'PUT', path: '/data/a/b', headers: ABSENT },
          { what: 'put a manifest', method: 'PUT', path: '/runs/a/b', headers: ABSENT },
          { what: 'put trust', method: 'PUT', path: '/config/trust.json', headers: ABSENT },
        ];
        for (const attack of attacks) assert.equal(await try_(attack, as), 403, `${name}: ${attack.what}`);
      }
    });

    await t.test('nobody is served without TLS', async () => {
      const role = stack.outputs.HostRoleName ?? '';
      const own = `${await roleId(stack, role)}:mi-0fffffffffffffff3`;
      const as = await aws.assumeRole(role, 'mi-0fffffffffffffff3');
      const path = `/${stack.bucket}/data/${own}/x`;
      const plain = { 'x-offsite-scheme': 'http' };
      const call = { service: 's3', method: 'PUT', path, body: 'x', as };
      assert.equal((await aws.send({ ...call, headers: { ...ABSENT, ...plain } })).status, 403);
      assert.equal((await aws.send({ ...call, headers: ABSENT })).status, 200);
    });
  });
}

async function roleId(stack: DeployedStack, name: string): Promise<string> {
  const xml = await stack.world.aws.query('iam', 'GetRole', { RoleName: name });
  return textsOf(xml, 'RoleId')[0] ?? '';
}

/** What CloudFormation made of a resource of the template. */
export async function physicalId(stack: DeployedStack, logicalId: string): Promise<string> {
  const input = { StackName: stack.name, LogicalResourceId: logicalId };
  const xml = await stack.world.aws.query('cloudformation', 'DescribeStackResource', input);
  return textsOf(xml, 'PhysicalResourceId')[0] ?? '';
}
