import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { parseInstant, parseSubmitOptions } from './query.ts';

const now = Date.parse('2026-01-01T00:00:00Z');

describe('The options of a submit', () => {
  it('are none without a query, and unknown ones are ignored', () => {
    assert.deepEqual(parseSubmitOptions('', now), { canonical: '' });
    assert.deepEqual(parseSubmitOptions('utm=1&x=%zz&&=', now), { canonical: '' });
  });

  it('are read from the query', () => {
    const query = 'priority=-5&delay=10m&deadline=1h&label.team=acme&label.tier=a%20b';
    const { canonical, ...options } = parseSubmitOptions(query, now);
    assert.deepEqual(options, {
      priority: -5,
      notBefore: now + 600_000,
      deadlineAt: now + 3_600_000,
      labels: { team: 'acme', tier: 'a b' },
    });
    const shuffled = 'label.tier=a+b&label.team=acme&deadline=1h&delay=10m&priority=-5&new=1';
    assert.equal(parseSubmitOptions(shuffled, now).canonical, canonical);
  });

  it('may name instants, whose unescaped + has become a space', () => {
    const options = parseSubmitOptions(
      'not_before=2026-01-02T00:00:00+02:00&deadline=2026-01-03T00:00Z',
      now,
    );
    assert.equal(options.notBefore, Date.parse('2026-01-01T22:00:00Z'));
    assert.equal(options.deadlineAt, Date.parse('2026-01-03T00:00:00Z'));
  });

  const refused = [
    'priority=101',
    'priority=1.5',
    'priority=',
    'priority=1&priority=2',
    'delay=soon',
    'delay=367d',
    'delay=-1s',
    'delay=1s&not_before=2026-01-02T00:00:00Z',
    'not_before=tomorrow',
    'not_before=2026-13-01T00:00:00Z',
    'not_before=2099-01-01T00:00:00Z',
    'deadline=9999d',
    'label.=x',
    'label.a%20b=x',
    'label.__proto__=x',
    'label.a=1&label.a=2',
    'label.a=%00',
    'label.a=x%0d%0aSet-Cookie:%20a',
    `label.${'k'.repeat(limits.labelKeyChars + 1)}=x`,
    `label.a=${'v'.repeat(limits.labelValueChars + 1)}`,
    Array.from({ length: limits.labels + 1 }, (_, i) => `label.l${i}=x`).join('&'),
  ];
  for (const query of refused) {
    it(`are refused for ${query.slice(0, 60)}`, () => {
      assert.throws(() => parseSubmitOptions(query, now), { code: 'invalid_request' });
    });
  }
});

describe('An instant', () => {
  it('needs date, time and offset', () => {
    assert.equal(parseInstant('2026-01-01T00:00:00Z'), now);
    assert.equal(parseInstant('2026-01-01T00:00:00.000000Z'), now);
    for (const text of ['2026', '2026-01-01', '2026-01-01T00:00:00', '1', '', '+1', 'now']) {
      assert.equal(parseInstant(text), null);
    }
  });
});
