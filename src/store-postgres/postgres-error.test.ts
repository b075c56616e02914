import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { isSessionLost, sqlState, storeError } from './postgres-error.ts';

function failure(code: string): Error {
  return Object.assign(new Error('failed'), { code });
}

it('a broken connection is an outage, whatever the length of its code', () => {
  for (const code of ['EPIPE', 'ECONNRESET', 'ETIMEDOUT', 'ECONNREFUSED', 'EHOSTUNREACH']) {
    assert.equal(sqlState(failure(code)), null, code);
    assert.ok(isSessionLost(failure(code)), code);
    const told = storeError(failure(code));
    assert.ok(told instanceof RaincheckError && told.code === 'store_unavailable', code);
  }
});

it('a SQLSTATE is one of five characters with a digit', () => {
  for (const code of ['40001', '57P01', 'XX000', 'HV00A', '2200H', 'P0001']) {
    assert.equal(sqlState(failure(code)), code);
  }
  assert.equal(sqlState(failure('ERR_INVALID_ARG_TYPE')), null);
});
