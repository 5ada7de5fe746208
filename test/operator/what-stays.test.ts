/** What `offsite fleet teardown` says that stays is what the templates keep. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { AwsHands } from '../../operator/aws/hands.ts';

const INFRA = join(import.meta.dirname, '../../infra');

test('what stays is what the templates keep when the stack is removed', () => {
  const kept: string[] = [];
  for (const name of readdirSync(INFRA).filter((one) => one.endsWith('.yml'))) {
    const { Resources = {} } = parse(readFileSync(join(INFRA, name), 'utf8'), { logLevel: 'silent' }) as {
      Resources?: Record<string, { DeletionPolicy?: string }>;
    };
    kept.push(...Object.keys(Resources).filter((one) => Resources[one]?.DeletionPolicy === 'Retain'));
  }
  const told: Record<string, RegExp> = {
    Bucket: /bucket with all backups/,
    BucketPolicy: /its policy/,
    HostRole: /role.* of the hosts/,
    HostPolicy: /policy.* of the hosts/,
    HostProfile: /instance profile of the hosts/,
  };
  assert.deepEqual(kept.sort(), Object.keys(told).sort());
  const { stays, next } = new AwsHands({ stack: 'offsite-prod', region: 'eu-central-1' });
  for (const [name, words] of Object.entries(told)) assert.match(stays.join('; '), words, name);
  assert.deepEqual(next, ['npx osls remove --param=stack=offsite-prod --region eu-central-1']);
});
