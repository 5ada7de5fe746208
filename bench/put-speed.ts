/** `put-speed.ts URL`: makes the bucket; MiB per second that it takes from our store, in parts of 16 MiB, four at once. */

import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { s3Client } from '../store/s3-client.ts';
import { FreshCredentials } from '../store/s3-credentials.ts';
import { parseStoreUrl } from '../store/url.ts';
import { openStore } from '../store/wire.ts';
import { commandLine } from '../system/process.ts';
import { Stream } from './corpora.ts';

const PARTS = 64;
const PART = 16 << 20;
const AT_ONCE = 4;

const [url = ''] = commandLine();
const location = parseStoreUrl(url);
if (location.kind !== 's3') throw new Error(`${url} names no bucket`);
await s3Client(location, new FreshCredentials()).send(new CreateBucketCommand({ Bucket: location.bucket }));
const store = await openStore(url, { concurrency: AT_ONCE });
const body = new Stream('put-speed').bytes(PART);
const sha256 = createHash('sha256').update(body).digest('hex');
const began = performance.now();
await Promise.all(
  Array.from({ length: PARTS }, (_, i) => store.put(`speed/${i}`, body, { condition: 'absent', sha256 })),
);
process.stdout.write(`${Math.round((PARTS * PART) / 2 ** 20 / ((performance.now() - began) / 1000))}\n`);
