import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Closed, closedKind } from '../../contract/verdict.ts';
import { changeDocument, putDocument, readDocument } from '../../functions/lib/documents.ts';
import { MemoryStore } from '../../store/memory.ts';
import { faultyStore } from '../helpers/faulty-store.ts';

const KEY = 'slots/20261120T040000Z/nightly/closed.json';
const closed = (hour: number): Closed => ({
  type: closedKind.type,
  format: 1,
  at: `2026-11-20T${String(hour).padStart(2, '0')}:00:00Z`,
});
const later = (by: number) => (current: Closed | null) =>
  closed((current === null ? 0 : Number(current.at.slice(11, 13))) + by);

describe('documents', () => {
  test('are absent, there, damaged or too large', async () => {
    const store = new MemoryStore();
    assert.deepEqual(await readDocument(store, KEY, closedKind), { document: null, condition: 'absent', fault: null });
    await putDocument(store, KEY, closedKind, closed(1), 'absent');
    assert.deepEqual((await readDocument(store, KEY, closedKind)).document, closed(1));
    for (const bytes of [
      '{',
      '{}',
      '[]',
      '\ufeff',
      JSON.stringify({ ...closed(1), at: 'now' }),
      `"${'x'.repeat(5000)}"`,
    ]) {
      store.overwrite(KEY, Buffer.from(bytes));
      const { document, condition, fault } = await readDocument(store, KEY, closedKind);
      assert.deepEqual([document, typeof condition, fault?.code.startsWith('document-')], [null, 'object', true]);
      await putDocument(store, KEY, closedKind, closed(2), condition);
      assert.deepEqual((await readDocument(store, KEY, closedKind)).document, closed(2));
    }
  });

  test('of a newer format are not taken for damaged, and not replaced', async () => {
    const store = new MemoryStore();
    store.overwrite(KEY, Buffer.from(JSON.stringify({ ...closed(1), format: 2 })));
    await assert.rejects(readDocument(store, KEY, closedKind), { code: 'format-unknown' });
    await assert.rejects(changeDocument(store, KEY, closedKind, later(1)), { code: 'format-unknown' });
  });

  test('keep what a newer version wrote beside what we know', async () => {
    const store = new MemoryStore();
    store.overwrite(KEY, Buffer.from(JSON.stringify({ ...closed(1), mood: 'good' })));
    await changeDocument(store, KEY, closedKind, (current) =>
      current === null ? null : { ...current, at: closed(2).at },
    );
    assert.deepEqual((await readDocument(store, KEY, closedKind)).document, { ...closed(2), mood: 'good' });
  });

  test('that are not valid are not written', async () => {
    const store = new MemoryStore();
    await assert.rejects(putDocument(store, KEY, closedKind, { ...closed(1), at: 'now' }, 'absent'), {
      code: 'document-invalid',
    });
    await assert.rejects(store.head(KEY), { code: 'store-absent' });
  });

  test('changed by many at once get every change', async () => {
    const store = new MemoryStore();
    await Promise.all(Array.from({ length: 20 }, () => changeDocument(store, KEY, closedKind, later(1))));
    assert.equal((await readDocument(store, KEY, closedKind)).document?.at, closed(20).at);
  });

  test('whose change got through unheard are not changed again by it', async () => {
    const store = new MemoryStore();
    const faults = [{ operation: 'put', does: 'lose-reply', code: 'store-exists' }] as const;
    const once = (current: Closed | null) => (current === null ? closed(1) : null);
    assert.deepEqual(await changeDocument(faultyStore(store, { faults }), KEY, closedKind, once), {
      document: closed(1),
      changed: false,
    });
  });
});
