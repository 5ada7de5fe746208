/**
 * Work in a thread of its own. The test runner follows every promise of its own thread, which doubles the time of whatever
 * is made of promises; it does not look into others.
 */

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

interface Order {
  readonly module: string;
  readonly name: string;
  readonly argument: unknown;
}

/** Calls what `module` exports as `name` with this argument, in a thread of its own; what it returns, or throws, as text. */
export async function apart<T>(module: URL, name: string, argument: unknown): Promise<T> {
  const order: Order = { module: module.href, name, argument };
  // The collector is told that there is no more: else it waits until the process has gigabytes.
  const worker = new Worker(new URL(import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: 700 },
  });
  const answer = await new Promise<{ result: T } | { error: string }>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.once('exit', () => reject(new Error(`${name} ended without an answer`)));
  });
  await worker.terminate();
  if ('error' in answer) throw new Error(answer.error);
  return answer.result;
}

async function obey({ module, name, argument }: Order): Promise<void> {
  // Traces of errors that are expected, store-absent above all, cost more than all the rest.
  Error.stackTraceLimit = 0;
  try {
    const { [name]: work } = (await import(module)) as Record<string, (argument: unknown) => Promise<unknown>>;
    parentPort?.postMessage({ result: await work?.(argument) });
  } catch (error) {
    parentPort?.postMessage({ error: error instanceof Error ? `${error.stack}` : String(error) });
  }
}

if (!isMainThread && (workerData as Order | null)?.module !== undefined) await obey(workerData as Order);
