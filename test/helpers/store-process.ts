/**
 * Another process that uses a store: `startStoreProcess` is its handle, and the file is also what runs in it.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isOffsiteError } from '../../contract/errors.ts';
import type { ObjectStore } from '../../store/port.ts';
import { openStore } from '../../store/wire.ts';

export type Task =
  | { readonly do: 'put'; readonly key: string; readonly text: string }
  | { readonly do: 'put-big'; readonly key: string; readonly bytes: number }
  | { readonly do: 'increment'; readonly key: string; readonly times: number };

export interface StoreProcess {
  /** Does a task there; answers `done`, or the code of the OffsiteError that it ended with. */
  ask(task: Task): Promise<string>;
  /** Ends it by SIGKILL and waits until it is gone. */
  kill(): Promise<void>;
}

/** Starts a process with the store of that URL open. */
export async function startStoreProcess(url: string): Promise<StoreProcess> {
  const child = fork(fileURLToPath(import.meta.url), [url], { stdio: 'inherit' });
  const ready = await nextMessage(child);
  if (ready !== 'ready') throw new Error(`The process with the store ${url} did not start: ${ready}`);
  return {
    async ask(task) {
      const answer = nextMessage(child);
      child.send(task);
      return await answer;
    },
    async kill() {
      child.kill('SIGKILL');
      while ((await nextMessage(child)) !== 'gone');
    },
  };
}

/** The next message of the process; `gone` once it has ended. */
async function nextMessage(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null || child.signalCode !== null) return 'gone';
  return await new Promise((resolve) => {
    const settle = (message: unknown) => {
      child.off('message', settle).off('exit', onExit);
      resolve(String(message));
    };
    const onExit = () => settle('gone');
    child.on('message', settle).on('exit', onExit);
  });
}

async function perform(store: ObjectStore, task: Task): Promise<void> {
  if (task.do === 'put') await store.put(task.key, Buffer.from(task.text), { condition: 'absent' });
  if (task.do === 'put-big') await store.put(task.key, Buffer.alloc(task.bytes, task.key), { condition: 'absent' });
  if (task.do === 'increment') for (let n = 0; n < task.times; n++) await increment(store, task.key);
}

/** Adds one to the number in an object, by compare-and-swap until it holds. */
export async function increment(store: ObjectStore, key: string): Promise<void> {
  for (;;) {
    const { body, etag } = await store.get(key);
    try {
      await store.put(key, Buffer.from(String(Number(body) + 1)), { condition: { etag } });
      return;
    } catch (error) {
      if (!isOffsiteError(error, 'store-changed')) throw error;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send) {
  const store = await openStore(process.argv[2] ?? '');
  process.on('message', async (task: Task) => {
    const result = await perform(store, task).then(
      () => 'done',
      (error) => (isOffsiteError(error) ? error.code : String(error)),
    );
    process.send?.(result);
  });
  process.on('disconnect', () => process.exit());
  process.send('ready');
}
