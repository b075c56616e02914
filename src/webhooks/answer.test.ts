import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { asksFor, deliveryAnswer, retryAfterAt } from './answer.ts';
import type { Exchanged } from './exchange.ts';
import { parseHttpDate } from './http-date.ts';

const now = Date.UTC(2026, 5, 28, 12);
const day = 86_400_000;

function exchanged(change: Partial<Exchanged>): Exchanged {
  const bodyBytes = change.bodyBytes ?? change.excerpt?.length ?? 0;
  return {
    status: 200,
    headers: {},
    excerpt: Buffer.alloc(0),
    hasStarted: true,
    firstByteMs: 1,
    error: null,
    ...change,
    bodyBytes,
  };
}

describe('A date of HTTP', () => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37);
  const dates: [string, number | null][] = [
    ['Sun, 06 Nov 1994 08:49:37 GMT', instant],
    ['Sunday, 06-Nov-94 08:49:37 GMT', instant],
    ['Sun Nov  6 08:49:37 1994', instant],
    ['Thu Nov 16 08:49:37 2034', Date.UTC(2034, 10, 16, 8, 49, 37)],
    // Two digits: the nearest year that is not more than 50 ahead.
    ['Friday, 31-Dec-76 23:59:59 GMT', Date.UTC(2076, 11, 31, 23, 59, 59)],
    ['Friday, 31-Dec-77 23:59:59 GMT', Date.UTC(1977, 11, 31, 23, 59, 59)],
    ['Saturday, 01-Jan-00 00:00:00 GMT', Date.UTC(2000, 0, 1)],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2016, 11, 31, 23, 59, 59)],
    ['Thu, 01 Jan 0001 00:00:00 GMT', new Date(0).setUTCFullYear(1, 0, 1)],
    ['Sat, 29 Feb 2025 00:00:00 GMT', null],
    ['Sun, 31 Apr 2026 00:00:00 GMT', null],
    ['Sun, 00 Nov 1994 08:49:37 GMT', null],
    ['Sun, 06 Nov 1994 24:00:00 GMT', null],
    ['Sun, 06 Nov 1994 08:60:37 GMT', null],
    ['Sun, 06 Nov 1994 08:49:61 GMT', null],
    ['Sun, 6 Nov 1994 08:49:37 GMT', null],
    ['Sun, 06 Nov 1994 08:49:37 UTC', null],
    ['Sun, 06 Nov 1994 08:49:37 +0000', null],
    ['sun, 06 nov 1994 08:49:37 gmt', null],
    ['Sunday, 06-Nov-1994 08:49:37 GMT', null],
    ['Sun Nov 6 08:49:37 1994', null],
    ['1994-11-06T08:49:37Z', null],
    ['tomorrow', null],
    ['', null],
  ];
  for (const [text, expected] of dates) {
    it(`${JSON.stringify(text)} is ${expected}`, () => {
      assert.equal(parseHttpDate(text, now), expected);
    });
  }
});

describe('Retry-After', () => {
  const values: [string | string[] | undefined, number | null][] = [
    [undefined, null],
    ['120', now + 120_000],
    ['0', null],
    ['00060', now + 60_000],
    ['86400', now + day],
    ['86401', now + day],
    ['9'.repeat(400), now + day],
    ['-1', null],
    ['1.5', null],
    ['1e3', null],
    ['', null],
    ['soon', null],
    [['30', '60'], now + 30_000],
    ['Sun, 28 Jun 2026 12:05:00 GMT', now + 300_000],
    ['Sunday, 28-Jun-26 12:05:00 GMT', now + 300_000],
    ['Sun Jun 28 12:05:00 2026', now + 300_000],
    ['Sun, 28 Jun 2026 11:59:59 GMT', null],
    ['Mon, 28 Jun 2027 12:00:00 GMT', now + day],
  ];
  for (const [value, expected] of values) {
    it(`${JSON.stringify(value)?.slice(0, 50)} is ${expected === null ? 'none' : `${expected - now} ms`}`, () => {
      const headers = { 'retry-after': value };
      assert.equal(retryAfterAt(429, headers, now), expected);
      assert.equal(retryAfterAt(503, headers, now), expected);
      for (const status of [200, 301, 404, 500, 502]) {
        assert.equal(retryAfterAt(status, headers, now), null);
      }
    });
  }
});

describe('webhook-delivery', () => {
  it('asks for what it holds, among other words', () => {
    const asks = (value: string | string[]): boolean[] =>
      (['disable', 'abort-message'] as const).map((word) =>
        asksFor({ 'webhook-delivery': value }, word),
      );
    assert.deepEqual(asks('disable'), [true, false]);
    assert.deepEqual(asks(' Abort-Message '), [false, true]);
    assert.deepEqual(asks('x, disable,abort-message'), [true, true]);
    assert.deepEqual(asks(['x', 'disable']), [true, false]);
    assert.deepEqual(asks('disabled'), [false, false]);
    assert.deepEqual(asks(''), [false, false]);
    assert.equal(asksFor({}, 'disable'), false);
  });
});

describe('What is kept of an answer', () => {
  const excerpt = (bytes: Buffer, bodyBytes?: number) =>
    deliveryAnswer(
      200,
      exchanged({ excerpt: bytes, ...(bodyBytes === undefined ? {} : { bodyBytes }) }),
    ).excerpt;

  it('is text when it is UTF-8, else base64', () => {
    assert.deepEqual(excerpt(Buffer.from('ok ü𝄞\r\n')), { text: 'ok ü𝄞\r\n' });
    assert.deepEqual(excerpt(Buffer.from('\ufeffx')), { text: '\ufeffx' });
    assert.deepEqual(excerpt(Buffer.from([0xff, 0xfe])), { base64: '//4=' });
    assert.deepEqual(excerpt(Buffer.from('a\0b')), { base64: 'YQBi' });
    assert.deepEqual(excerpt(Buffer.from('é').subarray(0, 1)), { base64: 'ww==' });
    assert.equal(excerpt(Buffer.alloc(0)), null);
  });

  it('is text also when the cut goes through a character', () => {
    const bytes = Buffer.from('x𝄞');
    for (const length of [2, 3, 4]) {
      assert.deepEqual(excerpt(bytes.subarray(0, length), 5), { text: 'x' });
      assert.deepEqual(excerpt(bytes.subarray(0, length)), {
        base64: bytes.subarray(0, length).toString('base64'),
      });
    }
  });

  it('leaves out cookies and joins what came twice', () => {
    const headers = { 'set-cookie': ['a=1'], via: ['1.1 a', '1.1 b'], 'x-a': '1', x: undefined };
    assert.deepEqual(deliveryAnswer(200, exchanged({ headers })).headers, {
      via: '1.1 a, 1.1 b',
      'x-a': '1',
    });
  });

  it('has a length, and what decides something comes first', () => {
    const long = Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [`x-${n}`, 'y'.repeat(500)]),
    );
    const { headers } = deliveryAnswer(
      302,
      exchanged({ headers: { ...long, location: '/there', 'retry-after': '3' } }),
    );
    const chars = Object.entries(headers).flat().join('').length;
    assert.ok(chars <= limits.deliveryAnswerHeaderChars && chars > 3_500, String(chars));
    assert.equal(headers['location'], '/there');
    assert.equal(headers['retry-after'], '3');
  });
});
