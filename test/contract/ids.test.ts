import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as ids from '../../contract/ids.ts';
import { hosts, instants, policies, prefixes, refused, runIds, sets } from './samples.ts';

const HEX12 = '0123456789ab';

describe('names', () => {
  const table: [what: string, isName: (text: string) => boolean, good: string[], bad: string[]][] = [
    [
      'host',
      ids.isHostName,
      ['a', '0', 'carcosa', 'CARCOSA', 'web-1.example.org', 'a_b', `a${'b'.repeat(62)}`],
      ['', '.', '..', '-a', '_a', '.a', 'a/b', 'a b', 'a\n', 'é', 'a:b', 'ａ', `a${'b'.repeat(63)}`, 'a\0'],
    ],
    [
      'set',
      ids.isSetName,
      ['data', '0', 'a_b-c', `a${'b'.repeat(31)}`],
      ['', 'Data', '..', '-a', '_a', 'a.b', 'a/b', 'data\n', ' data', `a${'b'.repeat(32)}`],
    ],
    ['policy', ids.isPolicyName, ['weekly', '-', 'a'.repeat(24)], ['', 'Weekly', 'a_b', 'a.b', 'a'.repeat(25), 'a\n']],
    ['node', ids.isNodeId, ['mi-0123456789abcdef0', 'i-0', 'carcosa'], ['', 'a:b', '-i', 'a/b', '*', 'a'.repeat(129)]],
    [
      'prefix',
      ids.isPrefix,
      ['carcosa', 'AROAEXAMPLE:mi-0', 'AIDA:jo@example.org', 'a=b+c'],
      ['', '..', ':a', 'a/b', 'a b', 'a*', 'é', 'a'.repeat(192)],
    ],
    [
      'fingerprint',
      ids.isFingerprint,
      ['0123456789ABCDEF0123456789ABCDEF01234567'],
      [
        '0123456789abcdef0123456789abcdef01234567',
        '0123456789ABCDEF0123456789ABCDEF0123456',
        '0x0123456789ABCDEF0123456789ABCDEF012345',
        '0123456789ABCDEF0123456789ABCDEF01234567\n',
      ],
    ],
    [
      'sha',
      ids.isSha256,
      ['ab'.repeat(32)],
      ['AB'.repeat(32), 'ab'.repeat(31), 'ab'.repeat(33), `${'ab'.repeat(32)}\n`],
    ],
    [
      'run',
      ids.isRunId,
      [`20260105T040000Z-${HEX12}`, `20280229T235959Z-${HEX12}`],
      [
        '',
        '20260105T040000Z',
        `20260105T040000Z-${HEX12}0`,
        `20260105T040000Z-${HEX12.toUpperCase()}`,
        `20260105T040000Z_${HEX12}`,
        `20260229T040000Z-${HEX12}`,
        `20260230T040000Z-${HEX12}`,
        `20261301T040000Z-${HEX12}`,
        `20260105T240000Z-${HEX12}`,
        `20260105T040060Z-${HEX12}`,
        `20260105T040000Z-${HEX12}\n`,
        `../../05T040000Z-${HEX12}`,
        `２０260105T040000Z-${HEX12}`,
      ],
    ],
  ];
  for (const [what, isName, good, bad] of table) {
    it(`of a ${what}`, () => {
      for (const text of good) assert.ok(isName(text), text);
      for (const text of bad) assert.ok(!isName(text), JSON.stringify(text));
    });
  }

  it('are never what every object answers to', () => {
    const names = [ids.isHostName, ids.isSetName, ids.isPolicyName, ids.isNodeId, ids.isPrefix];
    for (const inherited of Object.getOwnPropertyNames(Object.prototype)) {
      for (const isName of names) assert.ok(!isName(inherited), inherited);
    }
  });

  it('of the shared generators are valid, so that they prove something', () => {
    const property = fc.property(hosts, sets, policies, prefixes, runIds, (host, set, policy, prefix, run) => {
      assert.ok(ids.isHostName(host) && ids.isSetName(set) && ids.isPolicyName(policy) && ids.isRunId(run));
      assert.ok(ids.isPrefix(prefix), prefix);
    });
    fc.assert(property);
  });
});

describe('instants', () => {
  it('have a compact form, to the second, and back', () => {
    assert.equal(ids.compactInstant(new Date('2026-01-05T04:00:00.999Z')), '20260105T040000Z');
    assert.equal(ids.instantText(new Date('2026-01-05T04:00:00.999Z')), '2026-01-05T04:00:00Z');
    fc.assert(
      fc.property(instants, (instant) => {
        assert.deepEqual(ids.parseCompact(ids.compactInstant(instant)), instant);
      }),
    );
  });

  it('that do not exist are null', () => {
    for (const text of [
      '',
      '20260229T000000Z',
      '20260431T000000Z',
      '20260001T000000Z',
      '20260105T236000Z',
      '20260105T240000Z',
      '20260105T000000',
      '20260105T000000z',
      '2026-01-05T00:00:00Z',
      ' 20260105T000000Z',
      '20260105T000000Z\n',
      '+10000105T000000Z',
    ]) {
      assert.equal(ids.parseCompact(text), null, text);
    }
  });
});

describe('run ids', () => {
  it('of a slot are the same whoever computes them', () => {
    const slot = { policy: 'weekly', due: new Date('2026-01-05T04:00:00Z'), node: 'mi-0123456789abcdef0', set: 'data' };
    // printf 'weekly\n20260105T040000Z\nmi-0123456789abcdef0\ndata' | sha256sum
    const digest = createHash('sha256').update('weekly\n20260105T040000Z\nmi-0123456789abcdef0\ndata').digest('hex');
    assert.equal(ids.runIdForSlot(slot), `20260105T040000Z-${digest.slice(0, 12)}`);
    assert.equal(ids.runIdForSlot(slot), '20260105T040000Z-9b2e478bc713');
    assert.equal(ids.runIdForSlot({ ...slot, due: new Date('2026-01-05T04:00:00.999Z') }), ids.runIdForSlot(slot));
    for (const change of [{ policy: 'daily' }, { node: 'mi-1' }, { set: 'etc' }, { due: new Date(0) }]) {
      assert.notEqual(ids.runIdForSlot({ ...slot, ...change }), ids.runIdForSlot(slot));
    }
  });

  it('of unasked runs are their start and six random bytes', () => {
    const start = new Date('2026-01-05T04:00:00Z');
    assert.equal(ids.randomRunId(start, Buffer.from('0123456789ab', 'hex')), `20260105T040000Z-${HEX12}`);
    assert.equal(ids.randomRunId(start, new Uint8Array(6)), '20260105T040000Z-000000000000');
    for (const bytes of [0, 5, 7, 12]) refused('internal', () => ids.randomRunId(start, Buffer.alloc(bytes)));
  });

  it('say when they began', () => {
    fc.assert(
      fc.property(runIds, (run) => {
        assert.equal(ids.compactInstant(ids.runInstant(run)), run.slice(0, 16));
      }),
    );
    for (const run of ['', '20260105T040000Z', `20260229T040000Z-${HEX12}`, `20260105T040000Z-${HEX12}/..`]) {
      refused('document-invalid', () => ids.runInstant(run), /not a run id/);
    }
  });
});

it('a prefix is of the node that it ends with, and of no other', () => {
  assert.ok(ids.isPrefixOfNode('carcosa', 'carcosa'));
  assert.ok(ids.isPrefixOfNode('AROAEXAMPLE:mi-0', 'mi-0'));
  for (const [prefix, node] of [
    ['carcosa', 'cosa'],
    ['AROAEXAMPLE:xmi-0', 'mi-0'],
    ['mi-0:AROAEXAMPLE', 'mi-0'],
    ['AROAEXAMPLE:mi-00', 'mi-0'],
    ['Carcosa', 'carcosa'],
  ] as const) {
    assert.ok(!ids.isPrefixOfNode(prefix, node), `${prefix} ${node}`);
  }
});

it('hashes bytes and UTF-8 text alike', () => {
  assert.equal(ids.sha256Hex(''), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  assert.equal(ids.sha256Hex('é'), ids.sha256Hex(Buffer.from([0xc3, 0xa9])));
});
