import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { WireOperation } from 'raincheck/client';
import { wireOperation } from '../../test/support/wire-samples.ts';
import {
  filterText,
  glob,
  matches,
  parseFilter,
  serverFilters,
  suggestions,
  withTerm,
} from './filter.ts';

const whole =
  'status:failed task:report* label.tenant:acme input.user:42 error:"ECONN refused" since:2h refund';

describe('the language of the filter bar', () => {
  it('reads qualifiers, quoted values and words', () => {
    assert.deepEqual(parseFilter(whole), {
      terms: [
        { key: 'status', value: 'failed' },
        { key: 'task', value: 'report*' },
        { key: 'label.tenant', value: 'acme' },
        { key: 'input.user', value: '42' },
        { key: 'error', value: 'ECONN refused' },
        { key: 'since', value: '2h' },
      ],
      words: 'refund',
    });
  });

  it('keeps the case of the names of labels and members, and takes qualifiers in any', () => {
    const filter = parseFilter('STATUS:failed Input.userId:42 LABEL.tenantId:Acme input.a.bC:1');
    assert.deepEqual(serverFilters(filter, [])[0], {
      query: {
        status: 'failed',
        'input.userId': '42',
        'label.tenantId': 'Acme',
        'input.a.bC': '1',
      },
      batch: {
        status: ['failed'],
        labels: { tenantId: 'Acme' },
        input: { userId: '42', 'a.bC': '1' },
      },
    });
    assert.equal(matches(parseFilter('Label.tenantId:Acme'), operation({})), false);
    assert.equal(
      matches(parseFilter('Label.tenantId:Acme'), operation({ labels: { tenantId: 'Acme' } })),
      true,
    );
  });

  it('writes what it reads', () => {
    assert.equal(filterText(parseFilter(whole)), whole);
  });

  it('takes what is no qualifier for a word, addresses and times too', () => {
    assert.deepEqual(parseFilter('http://x:80 12:30 label.:x'), {
      terms: [],
      words: 'http://x:80 12:30 label.:x',
    });
  });

  it('asks the server once for each task that a pattern stands for', () => {
    const filters = serverFilters(parseFilter(whole), ['reports', 'report.daily', 'noop']);
    assert.deepEqual(
      filters.map(({ query }) => query['task']),
      ['reports', 'report.daily'],
    );
    const { since, ...batch } = filters[0]?.batch ?? {};
    assert.deepEqual(
      { query: filters[0]?.query, batch },
      {
        query: {
          status: 'failed',
          'label.tenant': 'acme',
          'input.user': '42',
          error: 'ECONN refused',
          since: '2h',
          q: 'refund',
          task: 'reports',
        },
        batch: {
          status: ['failed'],
          labels: { tenant: 'acme' },
          input: { user: '42' },
          error: 'ECONN refused',
          q: 'refund',
          task: 'reports',
        },
      },
    );
    assert.ok(Math.abs(Date.now() - 7_200_000 - Number(since)) < 60_000);
  });

  it('says in a sentence what makes no sense', () => {
    const wrong = ['status:broken', 'since:soon', 'code:oops', 'id:op_1 words'];
    for (const text of wrong) {
      assert.throws(() => serverFilters(parseFilter(text), []), RangeError, text);
    }
  });

  it('knows what fits as far as the feed tells', () => {
    const failed = operation({
      task: 'reports',
      status: 'failed',
      labels: { tenant: 'acme' },
    });
    const fits = (text: string): boolean | null => matches(parseFilter(text), failed);
    assert.equal(fits('status:failed task:rep* label.tenant:acme'), true);
    assert.equal(fits('status:failed task:noop'), false);
    assert.equal(fits('label.tenant:globex'), false);
    assert.equal(fits('input.user:42'), null);
    assert.equal(fits('task:noop input.user:42'), false);
    assert.equal(fits('refund'), null);
  });

  it('puts a term in the place of the one before', () => {
    assert.equal(
      filterText(withTerm(parseFilter('status:failed x'), 'status', 'pending')),
      'status:pending x',
    );
    assert.equal(filterText(withTerm(parseFilter('status:failed x'), 'status', null)), 'x');
  });

  it('takes a pattern literally but for the star', () => {
    assert.ok(glob('a.b*')('a.bc'));
    assert.ok(!glob('a.b*')('axbc'));
  });

  it('offers qualifiers, then their values', () => {
    const known = { tasks: ['reports', 'noop'], labels: [{ key: 'tenant', value: 'a b' }] };
    const offered = (before: string): string[] =>
      suggestions(before, known).map(({ text }) => text);
    assert.deepEqual(offered('x st'), ['status:']);
    assert.deepEqual(offered('task:r'), ['task:reports ']);
    assert.deepEqual(offered('label.tenant:'), ['label.tenant:"a b" ']);
    assert.deepEqual(offered('status:failed'), []);
    const cased = { tasks: [], labels: [{ key: 'tenantId', value: 'Acme' }] };
    assert.deepEqual(
      suggestions('Label.tenantId:a', cased).map(({ text }) => text),
      ['label.tenantId:Acme '],
    );
  });
});

function operation(changes: Partial<WireOperation>): WireOperation {
  return wireOperation(changes);
}
