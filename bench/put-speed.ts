/** `put-speed.ts URL`: MiB per second that an S3 server takes from our store, in parts of 16 MiB, four at once. */

import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { openStore } from '../store/wire.ts';
import { commandLine } from '../system/process.ts';
import { Stream } from './corpora.ts';

const PARTS = 64;
const PART = 16 << 20;
const AT_ONCE = 4;

const [url = ''] = commandLine();
const store = await openStore(url, { concurrency: AT_ONCE });
const body = new Stream('put-speed').bytes(PART);
const sha256 = createHash('sha256').update(body).digest('hex');
const began = performance.now();
await Promise.all(
  Array.from({ length: PARTS }, (_, i) => store.put(`speed/${i}`, body, { condition: 'absent', sha256 })),
);
process.stdout.write(`${Math.round((PARTS * PART) / 2 ** 20 / ((performance.now() - began) / 1000))}\n`);
