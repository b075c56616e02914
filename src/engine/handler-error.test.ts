import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TaskError } from '../core/errors.ts';
import { describeThrown, handlerFailure } from './handler-error.ts';

function detail(thrown: unknown): string {
  return handlerFailure(thrown).error.detail;
}

test('an error is recorded with message and name, and may be tried again', () => {
  assert.deepEqual(handlerFailure(new TypeError('x is not y')), {
    error: {
      code: 'task_error',
      detail: 'x is not y',
      name: 'TypeError',
      status: null,
      type: null,
      title: null,
    },
    retryable: true,
  });
});

test('a TaskError chooses status, type, title and whether to try again', () => {
  const thrown = new TaskError('Gone.', {
    retryable: false,
    status: 410,
    type: 'https://example.com/gone',
    title: 'Customer is gone',
  });
  const { error, retryable } = handlerFailure(thrown);
  assert.equal(retryable, false);
  assert.deepEqual(
    [error.status, error.type, error.title, error.name],
    [410, 'https://example.com/gone', 'Customer is gone', 'TaskError'],
  );
});

test('a status that is none of an error is left out', () => {
  for (const status of [200, 600, 404.5, NaN]) {
    assert.equal(handlerFailure(new TaskError('x', { status })).error.status, null);
  }
});

test('the cause is told, since fetch says nothing else', () => {
  const thrown = new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
  assert.equal(detail(thrown), 'fetch failed (cause: connect ECONNREFUSED)');
});

test('whatever is thrown becomes one plain text', () => {
  assert.equal(detail(undefined), 'The handler threw undefined.');
  assert.equal(detail(null), 'The handler threw null.');
  assert.equal(detail('plain'), 'plain');
  assert.equal(detail(''), 'The handler threw an empty string.');
  for (const odd of [1, 1n, Symbol('s'), {}, [], () => 1]) {
    assert.equal(detail(odd), 'The handler threw a value that is not an Error.');
  }
  assert.equal(detail(new Error('')), 'The handler threw an error without a message.');
  assert.equal(detail({ message: 5 }), 'The handler threw a value that is not an Error.');
});

test('values that fight back are recorded all the same', () => {
  const bomb = (): never => {
    throw new Error('trap');
  };
  const traps = { get: bomb, has: bomb, getPrototypeOf: bomb, ownKeys: bomb };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const getters = Object.defineProperty(new Error('x'), 'message', { get: bomb });
  const cyclic = new Error('round', { cause: null });
  cyclic.cause = cyclic;
  for (const hostile of [
    new Proxy({}, traps),
    new Proxy(new Error('x'), traps),
    proxy,
    getters,
    cyclic,
  ]) {
    assert.equal(handlerFailure(hostile).error.code, 'task_error');
    assert.equal(typeof describeThrown(hostile).message, 'string');
  }
});

test('the text is cut, and free of what databases refuse', () => {
  assert.equal(detail(new Error('x'.repeat(100_000))).length, 4_096);
  assert.equal(detail('a\0b\ud800c'), 'a\uFFFDb\uFFFDc');
  assert.ok(detail('😀'.repeat(5_000)).isWellFormed(), 'the cut splits no surrogate pair');
});
