import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { noEstimate, type OperationEstimate } from '../core/operation-estimate.ts';
import { holdsIfRange, matchesEtag, statusEtag, versionInEtag } from './conditional.ts';
import { fingerprint, parseIdempotencyKey } from './idempotency-key.ts';
import { parsePrefer, preferenceApplied } from './prefer.ts';
import { parseRange } from './ranges.ts';
import { contentDisposition } from './results.ts';

const estimate: OperationEstimate = {
  startsAt: 1_000,
  completesAt: 5_000,
  completesBy: 9_000,
  queuePosition: 0,
  basis: 'history',
  samples: 12,
  confidence: 'low',
  longerThanUsual: false,
  reason: null,
};

describe('Prefer', () => {
  const cases: [string | undefined, boolean, number | null][] = [
    [undefined, false, null],
    ['', false, null],
    ['respond-async', true, null],
    ['Respond-Async, WAIT=10', true, 10],
    ['wait="7"', false, 7],
    ['wait=3; foo=bar, respond-async;x', true, 3],
    ['wait=5, wait=9', false, 5],
    ['wait=100000', false, limits.preferWaitSecondsMax],
    ['wait', false, null],
    ['wait=-1', false, null],
    ['wait=1.5', false, null],
    ['wait=99999999999999999999', false, null],
    ['handling=lenient', false, null],
    [',,,;;=', false, null],
  ];
  for (const [header, respondAsync, waitSeconds] of cases) {
    it(`reads ${JSON.stringify(header)}`, () => {
      assert.deepEqual(parsePrefer(header), { respondAsync, waitSeconds });
    });
  }

  it('says only what was asked for and done', () => {
    const asked = { respondAsync: true, waitSeconds: 5 };
    assert.equal(preferenceApplied(asked, { async: true, wait: true }), 'respond-async, wait=5');
    assert.equal(preferenceApplied(asked, { async: false, wait: true }), 'wait=5');
    assert.equal(preferenceApplied(parsePrefer('x'), { async: true, wait: true }), null);
  });
});

describe('Conditional requests', () => {
  it('match the tag anywhere in the list, weakly, and *', () => {
    assert.equal(matchesEtag(undefined, '"1"'), false);
    assert.equal(matchesEtag('"1"', '"1"'), true);
    assert.equal(matchesEtag(' "0" , W/"1"', '"1"'), true);
    assert.equal(matchesEtag('*', '"1"'), true);
    assert.equal(matchesEtag('"11", 1, W/1', '"1"'), false);
  });

  it('hold If-Range only for the very same strong tag', () => {
    assert.equal(holdsIfRange(undefined, '"1"'), true);
    assert.equal(holdsIfRange('"1"', '"1"'), true);
    assert.equal(holdsIfRange('W/"1"', '"1"'), false);
    assert.equal(holdsIfRange('Wed, 21 Oct 2015 07:28:00 GMT', '"1"'), false);
  });

  it('find the version in a tag of ours', () => {
    assert.equal(versionInEtag(statusEtag(7, null)), 7);
    assert.equal(versionInEtag(`W/${statusEtag(7, estimate)}, "9"`), 7);
    assert.equal(versionInEtag(statusEtag(7, noEstimate('queue_too_long'))), 7);
    assert.equal(versionInEtag(statusEtag(7, null, 'a1')), 7);
    assert.equal(versionInEtag('"abc"'), null);
    assert.equal(versionInEtag('*'), null);
    assert.equal(versionInEtag(undefined), null);
  });

  it('give another tag for every member of the estimate that changes', () => {
    const others: readonly Partial<OperationEstimate>[] = [
      {},
      { startsAt: 1_001 },
      { completesAt: 5_001 },
      { completesBy: 9_001 },
      { queuePosition: 1 },
      { queuePosition: null },
      { basis: 'progress' },
      { samples: 13 },
      { confidence: 'ok' },
      { longerThanUsual: true },
      { reason: 'no_worker' },
    ];
    const tags = others.map((change) => statusEtag(1, { ...estimate, ...change }));
    assert.equal(new Set(tags).size, others.length, tags.join(' '));
    for (const tag of tags) assert.match(tag, /^"[!#-~]+"$/);
  });
});

describe('Range', () => {
  const cases: [string | undefined, ReturnType<typeof parseRange>][] = [
    [undefined, null],
    ['bytes=0-4', { start: 0, end: 5 }],
    ['Bytes=2-3 ', { start: 2, end: 4 }],
    ['bytes = 2 - 3', null],
    [`bytes=0-${' '.repeat(16_000)}x`, null],
    ['bytes=7-', { start: 7, end: 10 }],
    ['bytes=-3', { start: 7, end: 10 }],
    ['bytes=-99', { start: 0, end: 10 }],
    ['bytes=0-999', { start: 0, end: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=99-100', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-4', null],
    ['bytes=-', null],
    ['bytes=0-1,3-4', null],
    ['items=0-1', null],
    ['bytes=0-1e3', null],
    ['bytes=0x0-0x1', null],
  ];
  for (const [header, range] of cases) {
    it(`${JSON.stringify(header)?.slice(0, 40)} of 10 bytes`, () => {
      assert.deepEqual(parseRange(header, 10), range);
    });
  }

  it('of nothing cannot be satisfied', () => {
    assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
    assert.equal(parseRange('bytes=-5', 0), 'unsatisfiable');
  });
});

describe('Idempotency-Key', () => {
  it('is the same key in quotes and bare', () => {
    assert.equal(parseIdempotencyKey('abc-123'), 'abc-123');
    assert.equal(parseIdempotencyKey('"abc-123"'), 'abc-123');
    assert.equal(parseIdempotencyKey(undefined), null);
  });

  it('keeps spaces, commas and escapes inside quotes', () => {
    assert.equal(parseIdempotencyKey('"a, \\"b\\" \\\\c"'), 'a, "b" \\c');
  });

  const malformed = ['', '""', '"a', 'a"b', 'a b', 'a, b', '"a", "b"', '"a";q=1', 'é', '"\\n"'];
  for (const header of [...malformed, 'k'.repeat(limits.idempotencyKeyChars + 1)]) {
    it(`refuses ${JSON.stringify(header.slice(0, 20))}`, () => {
      assert.throws(() => parseIdempotencyKey(header), { code: 'invalid_request' });
    });
  }

  it('may be as long as the limit', () => {
    const key = 'k'.repeat(limits.idempotencyKeyChars);
    assert.equal(parseIdempotencyKey(key), key);
    assert.equal(parseIdempotencyKey(`"${key}"`), key);
  });

  it('stands for task, body and options', () => {
    const of = (task: string, body: string, options: string): string =>
      fingerprint({ task, body: Buffer.from(body), options });
    const one = of('reports', '{}', '');
    assert.equal(of('reports', '{}', ''), one);
    assert.notEqual(of('other', '{}', ''), one);
    assert.notEqual(of('reports', '{ }', ''), one);
    assert.notEqual(of('reports', '{}', '["5"]'), one);
  });
});

describe('Content-Disposition', () => {
  const cases: [string, string][] = [
    ['sales.pdf', 'attachment; filename="sales.pdf"'],
    [
      'Umsätze 2026.pdf',
      'attachment; filename="Ums_tze 2026.pdf"; filename*=UTF-8\'\'Ums%C3%A4tze%202026.pdf',
    ],
    ['a"b', 'attachment; filename="a_b"; filename*=UTF-8\'\'a%22b'],
    ['100%41', 'attachment; filename="100_41"; filename*=UTF-8\'\'100%2541'],
    ['../../etc/passwd', 'attachment; filename=".._.._etc_passwd"'],
    ['a\r\nSet-Cookie: x=1', 'attachment; filename="a__Set-Cookie: x=1"'],
    ["it's(1)*", 'attachment; filename="it\'s(1)*"'],
    ['\ud800', 'attachment; filename="_"; filename*=UTF-8\'\'%EF%BF%BD'],
  ];
  for (const [name, header] of cases) {
    it(`of ${JSON.stringify(name)}`, () => {
      assert.equal(contentDisposition(name), header);
    });
  }

  it('is short and printable ASCII whatever the name', () => {
    const header = contentDisposition(`\0${'😀'.repeat(1000)}\u202e"\\`);
    assert.match(header, /^[ -~]+$/);
    assert.ok(header.length < 2500);
  });
});
