/** What holds for every backup: secrets stay secret, what is unchanged costs nothing, and long chains stay cheap to read. */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { canonicalJson } from '../../../contract/canonical.ts';
import { decodeEnvelope } from '../../../contract/envelope.ts';
import { sha256Hex } from '../../../contract/ids.ts';
import { formatSessionKey, recoverSessionKey } from '../../../pgp/session-key.ts';
import { ManifestReader } from '../../../repository/manifests.ts';
import { RunReader } from '../../../repository/run-reader.ts';
import type { ObjectStore } from '../../../store/port.ts';
import type { Call } from '../../helpers/agent-faults.ts';
import { AgentHost } from '../../helpers/agent-host.ts';
import { ProcessHost } from '../../helpers/agent-process.ts';
import { noise } from '../../helpers/agent-random.ts';

const NAMES = ['Grüße-an-Quetzalcoatl.txt', 'zylinderkopfdichtung', 'ladislaus-und-annabella'];

function named(): AgentHost {
  const host = new AgentHost();
  host.write({
    [`${NAMES[1]}/${NAMES[0]}`]: noise('one', 200_000),
    [`${NAMES[1]}/${NAMES[2]}`]: 'small',
    other: noise('two', 400_000),
  });
  return host;
}

async function objectsOf(host: AgentHost): Promise<{ key: string; body: Buffer }[]> {
  const objects: { key: string; body: Buffer }[] = [];
  for await (const { key } of host.store.list('')) objects.push({ key, body: (await host.store.get(key)).body });
  return objects;
}

/** A text as it may stand in bytes: as it is, in hex, and in base64 at each of its three alignments. */
function shapesOf(bytes: Buffer): Buffer[] {
  const aligned = [0, 1, 2].map((skip) => {
    const whole = bytes.subarray((3 - skip) % 3);
    return whole.subarray(0, whole.length - (whole.length % 3)).toString('base64');
  });
  return [
    bytes,
    ...[bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...aligned].map((one) => Buffer.from(one)),
  ];
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The bytes of a file of the state, and what is compressed in it. */
function readableIn(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const name = basename(file);
  if (name === 'listing') return [bytes, zstdDecompressSync(bytes)];
  const sizes: number[] = [];
  if (name === 'entries') {
    const [text = ''] = readFileSync(join(file, '../state.json'), 'utf8').split('\n');
    for (const [, columns, lines] of JSON.parse(text).blocks) sizes.push(columns, lines);
  } else if (name === 'chunks') {
    for (let at = 0; at < bytes.length; at += 4 + bytes.readUInt32LE(at)) sizes.push(4, bytes.readUInt32LE(at));
  }
  let end = 0;
  const frames = sizes.map((size) => {
    end += size;
    return bytes.subarray(end - size, end);
  });
  return [bytes, ...frames.filter((frame) => frame.length > 4).map((frame) => zstdDecompressSync(frame))];
}

describe('secrets', () => {
  it('two runs of one tree share no ciphertext: no object, and not 32 bytes at any place', async () => {
    using host = named();
    const first = await host.good({ type: 'full' });
    const second = await host.good({ type: 'full' });
    const sealed = (await objectsOf(host)).filter(({ key }) => key.endsWith('.pgp'));
    const of = (run: string) => sealed.filter(({ key }) => key.includes(`/${run}/`)).map(({ body }) => body);
    const blocks = new Set<string>();
    for (const body of of(first.run)) {
      for (let at = 0; at + 32 <= body.length; at += 32) blocks.add(body.toString('latin1', at, at + 32));
    }
    assert.ok(blocks.size > 15_000);
    for (const body of of(second.run)) {
      const text = body.toString('latin1');
      for (let at = 0; at + 32 <= text.length; at++) assert.ok(!blocks.has(text.slice(at, at + 32)));
    }
  });

  it('no name of a file lies in the store but encrypted', async () => {
    using host = named();
    await host.good({ type: 'full' });
    host.write({ other: noise('changed', 350_000) });
    await host.good();
    rmSync(join(host.source, NAMES[1] ?? ''), { recursive: true });
    await host.run();
    const bodies = await objectsOf(host);
    const payloads = bodies
      .filter(({ key }) => key.endsWith('/manifest.json'))
      .map(({ key, body }) => ({ key, body: decodeEnvelope(body, key).payload }));
    assert.equal(payloads.length, 3);
    for (const name of [...NAMES, host.source]) {
      for (const shape of shapesOf(Buffer.from(name))) {
        for (const { key, body } of [...bodies, ...payloads]) assert.ok(!body.includes(shape), `${name} in ${key}`);
        for (const { key } of bodies) assert.ok(!key.includes(name));
      }
    }
  });

  it('no session key lies on the host: not after a run, not after a death at any put', async () => {
    using host = named();
    await host.good({ type: 'full' });
    for (let n = 3; n <= 7; n++) {
      let puts = 0;
      host.write({ other: noise(`other ${n}`, 1000) });
      await host.run({ saboteur: { before: ({ name }) => (name === 'put' && ++puts === n ? 'die' : undefined) } });
      const keys: Buffer[] = [];
      for (const { key, body } of (await objectsOf(host)).filter((one) => one.key.endsWith('.pgp'))) {
        if (key.includes('/key-')) continue;
        const text = formatSessionKey(await recoverSessionKey(body, host.operator));
        assert.match(text, /^9:[0-9A-F]{64}$/);
        keys.push(Buffer.from(text.slice(2), 'hex'));
      }
      assert.ok(keys.length >= 3);
      const shapes = keys.flatMap(shapesOf);
      for (const file of [...filesUnder(host.state), ...filesUnder(host.identity)]) {
        for (const bytes of readableIn(file)) {
          for (const shape of shapes) assert.ok(!bytes.includes(shape), file);
          assert.doesNotMatch(bytes.toString('latin1'), /\b9:[0-9A-Fa-f]{64}/, file);
        }
      }
    }
  });
});

describe('what is unchanged', { concurrency: true }, () => {
  it('is not opened by an incremental, which stores less than 100 KiB', async () => {
    using host = new AgentHost();
    for (let i = 0; i < 200; i++) host.write({ [`d${i % 10}/f${i}`]: noise(`f${i}`, 100) });
    await host.settle();
    await host.good({ type: 'full' });
    for (let turn = 0; turn < 2; turn++) {
      const opened: string[] = [];
      const before = ({ name, path }: Call) => {
        if (['open', 'read', 'readFile'].includes(name) && path.startsWith(host.source)) opened.push(path);
        return undefined;
      };
      const { result } = await host.good({ saboteur: { before } });
      assert.deepEqual(opened, []);
      assert.equal(result.manifest?.counts.changedFiles, 0);
      assert.ok((result.manifest?.counts.storedBytes ?? 0) < 100 * 1024, `${result.manifest?.counts.storedBytes}`);
    }
    await host.assertSound();
  });

  it('is not opened by a real one', async () => {
    using host = await ProcessHost.make();
    host.write({ one: 'one', 'd/two': 'two' });
    await new Promise((resolve) => setTimeout(resolve, 2100));
    await host.good({ type: 'full' });
    const log = join(host.root, 'opened');
    const faults = { openedUnder: { folder: host.source, log } };
    const { storedBytes = Number.NaN } = await host.good({ faults });
    assert.throws(() => readFileSync(log), { code: 'ENOENT' });
    assert.ok(storedBytes < 100 * 1024);
    host.write({ one: 'uno' });
    await host.good({ faults });
    assert.equal(readFileSync(log, 'utf8'), `${join(host.source, 'one')}\n`, 'what was changed is');
  });

  it('is stored no second time where all times were touched, or all was copied', async () => {
    using host = new AgentHost();
    for (let i = 0; i < 50; i++) host.write({ [`d/f${i}`]: noise(`f${i}`, 3000) });
    await host.good({ type: 'full' });
    for (let i = 0; i < 50; i++) utimesSync(join(host.source, `d/f${i}`), 1_000_000 + i, 1_000_000 + i);
    const { result, calls } = await host.good();
    assert.equal(result.manifest?.counts.newBytes, 0);
    assert.ok(!calls.some(({ path }) => path.startsWith('data/')));
    for (let i = 0; i < 50; i++) host.write({ [`copy/f${i}`]: noise(`f${i}`, 3000) });
    assert.equal((await host.good()).result.manifest?.counts.newBytes, 0);
    await host.assertSound();
  });
});

describe('a long chain', () => {
  /** The objects, manifests aside, that reading the whole listing of a run touches. */
  async function touchedBy(host: AgentHost, run: string): Promise<number> {
    const touched = new Set<string>();
    const { store: inner } = host;
    const store: ObjectStore = {
      url: inner.url,
      put: (key, body, options) => inner.put(key, body, options),
      get: async (key, options) => {
        if (key.startsWith('meta/')) touched.add(key);
        return await inner.get(key, options);
      },
      head: (key) => inner.head(key),
      list: (prefix, options) => inner.list(prefix, options),
      listFolders: (prefix) => inner.listFolders(prefix),
    };
    const manifests = new ManifestReader(store, null);
    const signed = await manifests.read({ ...host.place(), run });
    const reader = new RunReader({ store, manifests, key: host.operator }, signed);
    let entries = 0;
    for await (const entry of reader.entries()) entries += entry.type === 'file' ? 1 : 0;
    assert.equal(entries, 301);
    return touched.size;
  }

  it('the listing of its 50th run lies in at most twice the objects of that of its 2nd', async () => {
    using host = new AgentHost();
    // So large that no limit of chains is met.
    host.write({ large: noise('large', 4_000_000) });
    for (let i = 0; i < 300; i++) host.write({ [`d${i % 20}/file-${i}`]: noise(`${i}`, 50) });
    await host.run({ type: 'full' });
    const runs: string[] = [''];
    let job = await host.known();
    for (let i = 2; i <= 50; i++) {
      const file = (i * 7) % 300;
      host.write({ [`d${file % 20}/file-${file}`]: noise(`run ${i}`, 60) });
      const [result] = (await host.run({ job })).results;
      const { manifest } = result ?? {};
      assert.ok(manifest);
      assert.deepEqual([manifest.actual, manifest.outcome], ['incremental', 'complete'], `run ${i}`);
      runs.push(manifest.run);
      const { run, sequence } = manifest;
      const payload = sha256Hex(canonicalJson(manifest));
      job = { head: { run, sequence, payload }, base: { run, payload } };
    }
    const [second, fiftieth] = [await touchedBy(host, runs[1] ?? ''), await touchedBy(host, runs[49] ?? '')];
    assert.ok(fiftieth <= 2 * second, `${fiftieth} objects, and ${second} of the second run`);
  });
});
