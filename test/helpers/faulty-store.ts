import { type ErrorCode, OffsiteError } from '../../contract/errors.ts';
import type { ObjectStore } from '../../store/port.ts';

export type Operation = 'put' | 'get' | 'head' | 'list' | 'listFolders';

/** What shall go wrong at the `call`th operation (from 1) that matches `operation` and `key`, and at the next ones. */
export interface StoreFault {
  readonly operation?: Operation;
  /** Key, or prefix of a list. */
  readonly key?: RegExp;
  /** Default 1. */
  readonly call?: number;
  /** How many of them, from that one on: default 1. */
  readonly times?: number;
  /**
   * `fail`: it is not done. `lose-reply`: it is done, and fails. `kill`: the process dies before it is done by SIGKILL.
   * `kill-after`: after it. A list fails or kills when it is begun; its lost reply is a failure after its last item.
   */
  readonly does: 'fail' | 'lose-reply' | 'kill' | 'kill-after';
  /** Default `store-transient`; `store-throttled` to throttle so many `times`. */
  readonly code?: ErrorCode;
}

export interface FaultyStore extends ObjectStore {
  /** Every operation that was asked for, in order. */
  readonly calls: readonly { readonly operation: Operation; readonly key: string }[];
}

/**
 * A store on which things go wrong by script. With `room`, puts of more than so many bytes in all are `store-full`.
 * Without faults it is as good as the store that it wraps.
 */
export function faultyStore(
  inner: ObjectStore,
  { faults = [], room = Number.POSITIVE_INFINITY }: { faults?: readonly StoreFault[]; room?: number } = {},
): FaultyStore {
  const calls: { operation: Operation; key: string }[] = [];
  const matched = new Map<StoreFault, number>();
  let left = room;

  const begin = (operation: Operation, key: string): StoreFault | undefined => {
    calls.push({ operation, key });
    const due = faults.filter((fault) => {
      if (fault.operation !== undefined && fault.operation !== operation) return false;
      if (fault.key !== undefined && !fault.key.test(key)) return false;
      const count = (matched.get(fault) ?? 0) + 1;
      matched.set(fault, count);
      const first = fault.call ?? 1;
      return count >= first && count < first + (fault.times ?? 1);
    });
    const fault = due[0];
    if (fault?.does === 'kill') dieNow();
    if (fault?.does === 'fail') throw scripted(fault, operation, key);
    return fault;
  };
  const end = (fault: StoreFault | undefined, operation: Operation, key: string) => {
    if (fault?.does === 'kill-after') dieNow();
    if (fault?.does === 'lose-reply') throw scripted(fault, operation, key);
  };
  const faulty = async <T>(operation: Operation, key: string, work: () => Promise<T>): Promise<T> => {
    const fault = begin(operation, key);
    const result = await work();
    end(fault, operation, key);
    return result;
  };
  async function* faultyList<T>(operation: Operation, prefix: string, work: () => AsyncIterable<T>): AsyncIterable<T> {
    const fault = begin(operation, prefix);
    yield* work();
    end(fault, operation, prefix);
  }

  return {
    url: inner.url,
    calls,
    put: (key, body, options) =>
      faulty('put', key, async () => {
        if (body.length > left) throw new OffsiteError('store-full', `${key}: no room is left, by script.`);
        left -= body.length;
        return await inner.put(key, body, options).catch((error) => {
          left += body.length;
          throw error;
        });
      }),
    get: (key, options) => faulty('get', key, () => inner.get(key, options)),
    head: (key) => faulty('head', key, () => inner.head(key)),
    list: (prefix, options) => faultyList('list', prefix, () => inner.list(prefix, options)),
    listFolders: (prefix) => faultyList('listFolders', prefix, () => inner.listFolders(prefix)),
  };
}

function scripted({ code = 'store-transient', does }: StoreFault, operation: Operation, key: string): OffsiteError {
  return new OffsiteError(code, `${operation} ${key}: ${does}, by script.`);
}

function dieNow(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is there before kill() returns to us, but nothing says so; until then nothing more may happen.
  for (;;);
}
