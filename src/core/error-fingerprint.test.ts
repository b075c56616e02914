import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { errorFingerprint, fingerprintOf, normalisedDetail } from './error-fingerprint.ts';

describe('The detail of an error, normalised', () => {
  const cases: readonly [string, string][] = [
    ['connect ECONNREFUSED 10.0.0.7:5432', 'connect ECONNREFUSED <address>'],
    ['connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED <address>'],
    ['bind fe80::1ff:fe23:4567:890a failed', 'bind <address> failed'],
    ['Timed out after 30000 ms', 'Timed out after <n> ms'],
    ['Timed out after 1,234.5 ms (-3)', 'Timed out after <n> ms (<n>)'],
    ['GET https://api.example.com/v1/x?y=1 answered 503', 'GET <url> answered <n>'],
    ['postgres://u:p@db/x is down', '<url> is down'],
    ['No user ada.l+x@example.co.uk', 'No user <email>'],
    ['row 550e8400-e29b-41d4-a716-446655440000 is gone', 'row <n> is gone'],
    ['There is no operation op_01M8A4E8X49JM2HXDQY4JRYS45.', 'There is no operation <n>.'],
    ['charge ch_3OqP1a2eZvKYlo2C failed', 'charge <n> failed'],
    ['commit 9fceb02d0ae598e95dc970b74767f19372d61af8', 'commit <n>'],
    ['pointer 0xDEADbeef', 'pointer <n>'],
    ['at 2026-01-31T09:00:00.123Z and 2026-02-01', 'at <time> and <time>'],
    ['column "total" of \'orders\' and `x` of “ü”', 'column <text> of <text> and <text> of <text>'],
    ["don't and can't stay as they are", "don't and can't stay as they are"],
    ["can't open 'a b'", "can't open <text>"],
    ['order-123 of batch_7', 'order-<n> of batch_<n>'],
    ['job a7f3k9 failed', 'job <n> failed'],
    ['utf8 and sha256 are words', 'utf<n> and sha<n> are words'],
    ['deadbeef is a word without a digit', 'deadbeef is a word without a digit'],
    ['line one\n  at file.ts:12:5', 'line one at file.ts:<n>:<n>'],
    ['', ''],
    ['  spaces \t too  ', 'spaces too'],
    ['Größe 5 µm', 'Größe <n> µm'],
  ];
  for (const [detail, expected] of cases) {
    it(`is ${JSON.stringify(expected)}`, () => assert.equal(normalisedDetail(detail), expected));
  }

  it('does not depend on numbers, ids or what is quoted', () => {
    const id = fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((bytes) => Buffer.from(bytes).toString('hex'));
    const uuid = fc.uuid();
    const quoted = fc.string({ maxLength: 40 }).map((text) => text.replaceAll(/["\n]/g, ''));
    const detail = fc.record({ n: fc.nat(), id, uuid, quoted, address: fc.ipV4() });
    const text = (p: { n: number; id: string; uuid: string; quoted: string; address: string }) =>
      `Row ${p.n} of "${p.quoted}" (${p.uuid}) at ${p.address}: trace ${p.id}1`;
    fc.assert(
      fc.property(detail, detail, (a, b) => {
        assert.equal(normalisedDetail(text(a)), normalisedDetail(text(b)));
      }),
    );
  });

  it('keeps words apart', () => {
    assert.notEqual(normalisedDetail('disk full'), normalisedDetail('disk gone'));
  });

  it('takes no longer for what is made to be slow', () => {
    const hostile = ['"', "'", 'a', '1a', 'a_', '0:', '1.', 'a@', 'a.', 'a://', '0000-', '‘', ' '];
    for (const piece of hostile) {
      const from = performance.now();
      for (let i = 0; i < 20; i += 1) normalisedDetail(piece.repeat(4_096));
      assert.ok(performance.now() - from < 1_000, JSON.stringify(piece));
    }
  });
});

describe('The fingerprint of an error', () => {
  const error = { task: 'reports', code: 'task_error', detail: 'No paper in tray 3' };

  it('is of 16 hexadecimal digits, and the same wherever it is made', () => {
    assert.match(errorFingerprint(error), /^[\da-f]{16}$/);
    assert.equal(
      errorFingerprint(error),
      errorFingerprint({ ...error, detail: 'No paper in tray 7' }),
    );
  });

  it('differs by task, code and what the detail says', () => {
    const all = [
      error,
      { ...error, task: 'exports' },
      { ...error, code: 'timeout' },
      { ...error, detail: 'No ink' },
    ].map(errorFingerprint);
    assert.equal(new Set(all).size, all.length);
  });

  it('takes its parts apart', () => {
    assert.notEqual(fingerprintOf(['a', 'b']), fingerprintOf(['ab', '']));
  });

  it('tells 20,000 kinds apart', () => {
    const all = new Set(Array.from({ length: 20_000 }, (_, i) => fingerprintOf([`k${i}`, 'e'])));
    assert.equal(all.size, 20_000);
  });
});
