/** What is to happen, by its time; of one time, in the order in which it was planned. A binary heap. */

interface Planned<T> {
  readonly at: number;
  readonly order: number;
  readonly what: T;
}

export class Queue<T> {
  readonly #heap: Planned<T>[] = [];
  #planned = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(at: number, what: T): void {
    const heap = this.#heap;
    let i = heap.push({ at, order: this.#planned++, what }) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && isBefore(heap[i], heap[parent]); parent = (i - 1) >> 1) {
      this.#swap(i, parent);
      i = parent;
    }
  }

  next(): { readonly at: number; readonly what: T } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let least = i;
      if (isBefore(heap[left], heap[least])) least = left;
      if (isBefore(heap[right], heap[least])) least = right;
      if (least === i) return first;
      this.#swap(i, least);
      i = least;
    }
  }

  #swap(i: number, j: number): void {
    const heap = this.#heap as (Planned<T> | undefined)[];
    [heap[i], heap[j]] = [heap[j], heap[i]];
  }
}

function isBefore<T>(one: Planned<T> | undefined, other: Planned<T> | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}
