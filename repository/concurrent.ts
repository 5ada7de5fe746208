/** Bounded concurrency over lists. */

/** Runs `work` on every item, at most `limit` at a time. The first error is thrown, and no further item is begun. */
export async function eachOf<T>(items: Iterable<T>, limit: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const worker = async () => {
    for (let step = iterator.next(); !step.done && !failed; step = iterator.next()) {
      try {
        await work(step.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
}

/** The same for work that must reach every item whatever happens to others: returns the errors, in no order. */
export async function everyOf<T>(
  items: Iterable<T>,
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<unknown[]> {
  const errors: unknown[] = [];
  await eachOf(items, limit, async (item) => {
    try {
      await work(item);
    } catch (error) {
      errors.push(error);
    }
  });
  return errors;
}
