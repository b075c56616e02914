import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RaincheckError, type FieldError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { checkStaticHeaders } from './static-headers.ts';

function misfits(value: unknown): readonly FieldError[] {
  try {
    checkStaticHeaders(value, '/headers');
  } catch (error) {
    assert.ok(error instanceof RaincheckError);
    assert.equal(error.code, 'validation_failed');
    return error.errors ?? [];
  }
  return assert.fail(`${JSON.stringify(value)} was accepted`);
}

describe('Static headers', () => {
  it('come back with names in lower case', () => {
    const given = { Authorization: 'Bearer x y', 'X-Empty': '', "x!#$%&'*+.^_`|~9": 'a\tb' };
    assert.deepEqual(checkStaticHeaders(given, ''), {
      authorization: 'Bearer x y',
      'x-empty': '',
      "x!#$%&'*+.^_`|~9": 'a\tb',
    });
    assert.deepEqual(checkStaticHeaders({}, ''), {});
  });

  const denied = [
    'host',
    'Host',
    'content-type',
    'Content-Length',
    'content-encoding',
    'transfer-encoding',
    'connection',
    'upgrade',
    'TE',
    'trailer',
    'expect',
    'keep-alive',
    'proxy-authorization',
    'webhook-id',
    'WEBHOOK-SIGNATURE',
    'webhook-x',
    'user-agent',
  ];
  for (const name of denied) {
    it(`may not be ${name}`, () => {
      const [error, ...rest] = misfits({ [name]: 'x' });
      assert.deepEqual(rest, []);
      assert.equal(error?.pointer, `/headers/${name}`);
      assert.match(error?.detail ?? '', /set by the server/);
    });
  }

  for (const name of ['', ' x', 'x y', 'x:', 'x\r\ny', 'é', 'x\0', '(x)', 'x,y']) {
    it(`may not be named ${JSON.stringify(name)}`, () => {
      assert.match(misfits({ [name]: 'x' })[0]?.detail ?? '', /Not a valid header name/);
    });
  }

  for (const value of ['a\r\nb: c', 'a\nb', 'a\0', 'é', ' a', 'a ', '\t', '\u007f', '漢']) {
    it(`may not say ${JSON.stringify(value)}`, () => {
      assert.match(misfits({ 'x-a': value })[0]?.detail ?? '', /printable ASCII/);
    });
  }

  for (const value of [7, null, ['a'], { a: 1 }, true]) {
    it(`say strings, not ${JSON.stringify(value)}`, () => {
      assert.deepEqual(misfits({ 'x-a': value }), [
        { pointer: '/headers/x-a', detail: 'Expected a string.' },
      ]);
    });
  }

  for (const value of [null, 'x', 7, [], [['a', 'b']]]) {
    it(`are an object, not ${JSON.stringify(value)}`, () => {
      assert.equal(misfits(value)[0]?.pointer, '/headers');
    });
  }

  it('name each misfit, with escapes in the pointer', () => {
    assert.deepEqual(
      misfits({ 'a/b': 'x', 'x-~': 7, host: 'x' }).map(({ pointer }) => pointer),
      ['/headers/a~1b', '/headers/x-~0', '/headers/host'],
    );
    assert.match(misfits({ 'X-A': '1', 'x-a': '2' })[0]?.detail ?? '', /twice/);
  });

  it('are ten at most', () => {
    const some = (count: number): object =>
      Object.fromEntries(Array.from({ length: count }, (_, n) => [`x-${n}`, 'y']));
    assert.equal(Object.keys(checkStaticHeaders(some(limits.webhookHeaders), '')).length, 10);
    assert.match(misfits(some(11))[0]?.detail ?? '', /at most 10 headers, got 11/);
  });

  it('are 4 KiB at most, names included', () => {
    const room = limits.webhookHeaderBytes - 'x-a'.length;
    assert.ok(checkStaticHeaders({ 'x-a': 'v'.repeat(room) }, ''));
    assert.deepEqual(misfits({ 'x-a': 'v'.repeat(room + 1) }), [
      { pointer: '/headers', detail: 'Expected at most 4096 bytes of names and values, got 4097.' },
    ]);
  });
});
