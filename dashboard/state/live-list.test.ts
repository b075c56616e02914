import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wireOperation } from '../../test/support/wire-samples.ts';
import { parseFilter } from './filter.ts';
import { LiveList } from './live-list.ts';

function operation(n: number, status: 'pending' | 'failed' = 'pending') {
  const created_at = new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
  return wireOperation({ id: `op_${n}`, status, created_at });
}

function listOf(text: string, ...numbers: number[]): LiveList {
  const list = new LiveList(parseFilter(text), true);
  list.put({ rows: numbers.map((n) => operation(n)), next: null, searchesOn: false });
  return list;
}

const ids = (list: LiveList): string[] => list.rows.value.map((row) => row.value.id);

describe('a page of operations that lives', () => {
  it('changes rows where they stand, also when they no longer fit', () => {
    const list = listOf('status:pending', 3, 2, 1);
    list.take(operation(2, 'failed'));
    assert.deepEqual(ids(list), ['op_3', 'op_2', 'op_1']);
    assert.equal(list.rows.value[1]?.value.status, 'failed');
  });

  it('lets new ones wait, each once, and only those that fit', () => {
    const list = listOf('status:pending', 3, 2, 1);
    list.take(operation(4));
    list.take(operation(4));
    list.take(operation(5, 'failed'));
    assert.deepEqual(ids(list), ['op_3', 'op_2', 'op_1']);
    assert.deepEqual([...list.news.value], ['op_4']);
  });

  it('says when only the server knows whether they fit', () => {
    const list = listOf('input.user:42', 1);
    list.take(operation(2));
    assert.equal(list.unsure.value, true);
  });

  it('moves no row when it reads the page anew after a gap', () => {
    const list = listOf('', 3, 2, 1);
    list.catchUp({
      rows: [operation(5), operation(4), operation(3, 'failed'), operation(2)],
      next: null,
      searchesOn: false,
    });
    assert.deepEqual(ids(list), ['op_3', 'op_2', 'op_1']);
    assert.equal(list.rows.value[0]?.value.status, 'failed');
    assert.equal(list.news.value.size, 2);
  });
});
