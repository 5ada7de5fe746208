/** The emulator is what the harness takes it for: on loopback alone, with policies enforced. */

import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { textOf } from '../harness/aws.ts';
import { ACCOUNT } from '../harness/ministack.ts';
import type { World } from '../harness/world.ts';

export function emulator(world: () => Promise<World>): void {
  test('emulator', { timeout: 60_000 }, async (t) => {
    const { aws, ministack, gateway } = await world();

    await t.test('it listens on loopback, and nowhere else', async () => {
      assert.deepEqual(ministack.listeners(), [`127.0.0.1:${ministack.port}`]);
      const outside = Object.values(networkInterfaces())
        .flatMap((addresses) => addresses ?? [])
        .filter(({ internal, family }) => !internal && family === 'IPv4');
      for (const { address } of outside) assert.equal(await isOpen(address, ministack.port), false, address);
      assert.match(gateway.endpoint, /^http:\/\/127\.0\.0\.1:\d+$/);
    });

    await t.test('it tells the sessions of one role apart, and enforces what the role may do', async () => {
      const trust = { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' };
      const AssumeRolePolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [trust] });
      await aws.query('iam', 'CreateRole', { RoleName: 'probe', AssumeRolePolicyDocument });
      const session = await aws.assumeRole('probe', 'mi-0123456789abcdef0');
      const identity = await aws.query('sts', 'GetCallerIdentity', {}, session);
      assert.match(textOf(identity, 'UserId'), /^AROA[A-Z0-9]+:mi-0123456789abcdef0$/);
      assert.equal(textOf(identity, 'Account'), ACCOUNT);
      const denied = await aws.send({ service: 's3', method: 'GET', path: '/', as: session });
      assert.equal(denied.status, 403);
    });
  });
}

function isOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
    socket.once('timeout', () => end(false));
  });
}
