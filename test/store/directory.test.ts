import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openDirectoryStore } from '../../store/directory.ts';
import { directoryError } from '../../store/directory-errors.ts';
import { startStoreProcess } from '../helpers/store-process.ts';
import { conforms, keysOf, rejects, sha256 } from './conformance.ts';

const ABSENT = { condition: 'absent' } as const;
const base = await mkdtemp(join(tmpdir(), 'offsite-directory-'));
after(() => rm(base, { recursive: true, force: true }));

let count = 0;
async function opened() {
  const folder = join(base, String(count++));
  const store = await openDirectoryStore(folder, { create: true });
  return { store, folder, url: pathToFileURL(folder).href };
}

conforms('directory store', opened, { processes: true });

describe('directory store', () => {
  it('is private to its owner', async () => {
    const { store, folder } = await opened();
    await store.put('a/b', Buffer.from('x'), ABSENT);
    assert.equal((await stat(join(folder, 'a'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(folder, 'a/b'))).mode & 0o777, 0o600);
  });

  it('leaves no temporary file, whether a put succeeds or fails', async () => {
    const { store, folder } = await opened();
    const { etag } = await store.put('a', Buffer.from('x'), ABSENT);
    await rejects(store.put('a', Buffer.from('y'), ABSENT), 'store-exists');
    await rejects(store.put('b', Buffer.from('y'), { ...ABSENT, sha256: '0'.repeat(64) }), 'store-transient');
    await store.put('a', Buffer.from('z'), { condition: { etag } });
    await rejects(store.put('a', Buffer.from('y'), { condition: { etag } }), 'store-changed');
    assert.deepEqual(await readdir(join(folder, '.offsite/tmp')), []);
    assert.deepEqual(await readdir(join(folder, '.offsite/locks')), []);
  });

  it('removes temporary files older than a day before its first put, and lists none', async () => {
    const { folder } = await opened();
    const old = join(folder, '.offsite/tmp/1-old');
    const fresh = join(folder, '.offsite/tmp/2-fresh');
    await Promise.all([writeFile(old, 'x'), writeFile(fresh, 'x')]);
    const twoDaysAgo = new Date(Date.now() - 2 * 24 * 3600 * 1000);
    await utimes(old, twoDaysAgo, twoDaysAgo);
    const store = await openDirectoryStore(folder);
    await store.put('a', Buffer.from('x'), ABSENT);
    assert.deepEqual(await readdir(join(folder, '.offsite/tmp')), ['2-fresh']);
    assert.deepEqual(await keysOf(store, ''), ['a']);
  });

  it('shows nothing of a put that is killed half-way', async () => {
    const { store, folder, url } = await opened();
    const bytes = 48 * 2 ** 20;
    let leftOvers = 0;
    for (let n = 0; n < 6; n++) {
      const other = await startStoreProcess(url);
      const answer = other.ask({ do: 'put-big', key: `k${n}`, bytes });
      const begun = await appears(join(folder, '.offsite/tmp'), leftOvers);
      if (begun) await new Promise((resolve) => setTimeout(resolve, n * 3));
      await other.kill();
      await answer;
      leftOvers = (await readdir(join(folder, '.offsite/tmp'))).length;
      for (const { key, size } of await listed(store)) {
        assert.equal(size, bytes);
        assert.ok((await store.get(key)).body.equals(Buffer.alloc(bytes, key)));
      }
    }
    assert.ok(leftOvers > 0, 'no put was hit half-way: the test proves nothing');
  });

  it('believes a caller who has just hashed the same memory, and nobody else', async () => {
    const { store } = await opened();
    const [body, other] = [Buffer.from('these'), sha256(Buffer.from('others'))];
    await rejects(store.put('a', body, { ...ABSENT, sha256: other }), 'store-transient');
    assert.equal((await store.put('a', body, { ...ABSENT, sha256: other, isHashed: true })).etag, other);
    assert.equal((await store.head('a')).sha256, sha256(body), 'who reads is told what is there');
    const { etag } = await store.put('b', body, { ...ABSENT, isHashed: true });
    assert.equal(etag, sha256(body), 'there is nothing to believe');
  });

  it('is not there unless it is made', async () => {
    const folder = join(base, 'nowhere');
    const error = await rejects(openDirectoryStore(folder), 'store-absent');
    assert.match(error.hint, /offsite init/);
    await writeFile(join(base, 'a-file'), 'x');
    await rejects(openDirectoryStore(join(base, 'a-file')), 'store-absent');
    await openDirectoryStore(join(folder, 'deep/er'), { create: true });
    await openDirectoryStore(join(folder, 'deep/er'), { create: true });
  });

  it('reads a folder without its mark, but writes nothing into it: its disk may not be mounted', async () => {
    const folder = await mkdtemp(join(base, 'unmarked-'));
    await writeFile(join(folder, 'a'), 'x');
    const store = await openDirectoryStore(folder);
    assert.deepEqual(await keysOf(store, ''), ['a']);
    const error = await rejects(store.put('b', Buffer.from('y'), ABSENT), 'store-absent');
    assert.match(error.hint, /mount/);
    assert.deepEqual(await readdir(folder), ['a']);
    await mkdir(join(folder, '.offsite'));
    await store.put('b', Buffer.from('y'), ABSENT);
  });

  it('goes on when a folder that it knew was removed', async () => {
    const { store, folder } = await opened();
    await store.put('a/b', Buffer.from('x'), ABSENT);
    await rm(join(folder, 'a'), { recursive: true });
    await rejects(store.get('a/b'), 'store-absent');
    await rejects(store.put('a/c', Buffer.from('x'), ABSENT), 'store-transient');
    await store.put('a/c', Buffer.from('x'), ABSENT);
    assert.deepEqual(await keysOf(store, ''), ['a/c']);
  });

  it('does not follow symbolic links out of the store', async () => {
    const { store, folder } = await opened();
    await writeFile(join(base, 'secret'), 'secret');
    await mkdir(join(base, 'outside'));
    await writeFile(join(base, 'outside/x'), 'secret');
    await symlink(join(base, 'secret'), join(folder, 'link'));
    await symlink(join(base, 'outside'), join(folder, 'folder'));
    await rejects(store.get('link'), 'store-denied');
    await rejects(store.head('link'), 'store-denied');
    await rejects(store.get('folder/x'), 'store-denied');
    await rejects(store.put('folder/y', Buffer.from('x'), ABSENT), 'store-denied');
    await rejects(store.put('link', Buffer.from('x'), ABSENT), 'store-exists');
    assert.deepEqual(await keysOf(store, ''), []);
    assert.deepEqual(await readdir(join(base, 'outside')), ['x']);
  });

  it('may itself be reached by a symbolic link', async () => {
    const { folder } = await opened();
    await symlink(folder, join(base, 'by-link'));
    const store = await openDirectoryStore(join(base, 'by-link'));
    await store.put('a/b', Buffer.from('x'), ABSENT);
    assert.deepEqual(await keysOf(await openDirectoryStore(folder), ''), ['a/b']);
  });

  it('says that a key cannot lie where another one is in the way', async () => {
    const { store } = await opened();
    await store.put('a/b', Buffer.from('x'), ABSENT);
    await rejects(store.put('a', Buffer.from('x'), ABSENT), 'object-key-invalid');
    await rejects(store.put('a/b/c', Buffer.from('x'), ABSENT), 'object-key-invalid');
  });

  it('lists neither empty folders nor names that are no keys', async () => {
    const { store, folder } = await opened();
    await mkdir(join(folder, 'empty/er'), { recursive: true });
    await writeFile(Buffer.concat([Buffer.from(join(folder, 'latin1-')), Buffer.from([0xe9])]), 'x');
    await store.put('full/a', Buffer.from('x'), ABSENT);
    const folders: string[] = [];
    for await (const name of store.listFolders('')) folders.push(name);
    assert.deepEqual(folders, ['full/']);
    assert.deepEqual(await keysOf(store, ''), ['full/a']);
  });

  it('fails loudly when its folder is gone', async () => {
    const { store, folder } = await opened();
    await rm(folder, { recursive: true });
    await rejects(keysOf(store, ''), 'store-absent');
    await rejects(store.put('a', Buffer.from('x'), ABSENT), 'store-absent');
  });

  it('frees a lock that a killed process left on an object', async () => {
    const { store, folder } = await opened();
    const { etag } = await store.put('a', Buffer.from('x'), ABSENT);
    const name = sha256(Buffer.from('a')).slice(0, 32);
    const dead = { pid: 2 ** 22 + 1, started: '1', boot: '', note: 'a' };
    await writeFile(join(folder, '.offsite/locks', name), JSON.stringify(dead));
    await store.put('a', Buffer.from('y'), { condition: { etag } });
    assert.deepEqual(await readdir(join(folder, '.offsite/locks')), []);
  });

  it('is refused by rights', async () => {
    const { store, folder } = await opened();
    await store.put('a/b', Buffer.from('x'), ABSENT);
    await store.put('c', Buffer.from('x'), ABSENT);
    await chmod(join(folder, 'a'), 0o500);
    await chmod(join(folder, 'c'), 0);
    await asNobody(async () => {
      await rejects(store.put('a/c', Buffer.from('x'), ABSENT), 'store-denied');
      await rejects(store.get('c'), 'store-denied');
    });
    await chmod(join(folder, 'a'), 0o700);
  });
});

describe('errors of the file system', () => {
  const meaning = { ENOSPC: 'store-full', EDQUOT: 'store-full', EACCES: 'store-denied', EPERM: 'store-denied' };
  const more = { EROFS: 'store-denied', EIO: 'store-transient', ENAMETOOLONG: 'object-key-invalid' };
  for (const [name, code] of Object.entries({ ...meaning, ...more })) {
    it(`${name} is ${code}`, () => {
      const cause = Object.assign(new Error(name), { code: name });
      const error = directoryError(cause, 'a in file:///x');
      assert.equal(error.code, code);
      assert.equal(error.cause, cause);
      assert.match(error.message, /a in file:\/\/\/x/);
    });
  }
});

async function listed(store: Awaited<ReturnType<typeof opened>>['store']) {
  const all: { key: string; size: number }[] = [];
  for await (const item of store.list('')) all.push(item);
  return all;
}

/** Does it without the rights of root, where the tests run as root. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65534);
  try {
    await work();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

/** Waits until a folder holds more files than before. */
async function appears(folder: string, before: number): Promise<boolean> {
  for (let n = 0; n < 2000; n++) {
    if ((await readdir(folder)).length > before) return true;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return false;
}
