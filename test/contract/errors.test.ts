import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ERRORS, type ErrorCode, isOffsiteError, OffsiteError, toOffsiteError } from '../../contract/errors.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];

describe('every error', () => {
  for (const code of codes) {
    it(code, () => {
      assert.match(code, /^[a-z]+(-[a-z]+)*$/, 'stable and speakable');
      const { exit, meaning, action } = ERRORS[code];
      assert.ok(
        [1, 2, 3, 75].includes(exit),
        'an exit code of the command line; never 194, which SSM takes for a reboot',
      );
      for (const text of [meaning, action]) {
        assert.match(text, /^[A-Z`].*[.)]$/, 'a sentence');
        assert.ok(text.length <= 160 && !/\s{2}|\n/.test(text), 'a short one');
      }
    });
  }

  it('75 means busy and nothing else', () => {
    assert.deepEqual(
      codes.filter((code) => ERRORS[code].exit === 75),
      ['busy'],
    );
  });
});

describe('an OffsiteError', () => {
  it('carries code, exit code, and what to do', () => {
    const cause = new Error('ENOSPC');
    const error = new OffsiteError('store-full', 'file:///b has no room left', { cause });
    assert.deepEqual([error.name, error.code, error.exitCode, error.cause], ['OffsiteError', 'store-full', 1, cause]);
    assert.equal(error.hint, ERRORS['store-full'].action);
    assert.ok(error instanceof Error && error.stack?.includes('errors.test.ts'));
    assert.equal(String(error), 'OffsiteError: file:///b has no room left');
  });

  it('may say more precisely what to do, and has no cause where none is given', () => {
    const error = new OffsiteError('usage', 'x', { hint: 'Try y.' });
    assert.equal(error.hint, 'Try y.');
    assert.ok(!('cause' in error));
  });

  it('is told from others', () => {
    const error: unknown = new OffsiteError('busy', 'x');
    assert.ok(isOffsiteError(error) && isOffsiteError(error, 'usage', 'busy'));
    assert.ok(!isOffsiteError(error, 'usage'));
    for (const other of [new Error('busy'), { code: 'busy' }, 'busy', null, undefined])
      assert.ok(!isOffsiteError(other));
  });

  it('is what anything thrown becomes', () => {
    const error = new OffsiteError('busy', 'x');
    assert.equal(toOffsiteError(error), error);
    const bug = new TypeError('x is not a function');
    const internal = toOffsiteError(bug);
    assert.deepEqual(
      [internal.code, internal.message, internal.cause, internal.exitCode],
      ['internal', bug.message, bug, 1],
    );
    for (const thrown of ['text', 7, null, undefined]) assert.equal(toOffsiteError(thrown).message, String(thrown));
    assert.equal(toOffsiteError(Symbol('x')).code, 'internal');
  });
});
