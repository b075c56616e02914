import assert from 'node:assert/strict';
import { it } from 'node:test';
import { taskWords } from './task-words.ts';

it('A task without a point keeps its name, and no two share a word', () => {
  const tasks = ['a.b', 'a_b', 'a-c', 'a.b.c', 'a_b.c'].map((name) => ({ name }));
  assert.deepEqual(Object.fromEntries(taskWords(tasks)), {
    a_b: 'a_b',
    'a-c': 'a-c',
    'a.b': 'a_b_2',
    'a.b.c': 'a_b_c',
    'a_b.c': 'a_b_c_2',
  });
});
