import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { editDistance, suggestion } from './suggest.ts';

describe('editDistance', () => {
  it('counts insertions, removals, replacements and swaps of neighbours', () => {
    const cases = [
      ['', '', 0],
      ['abc', 'abc', 0],
      ['', 'abc', 3],
      ['abc', '', 3],
      ['abc', 'abcd', 1],
      ['abc', 'axc', 1],
      ['abc', 'acb', 1],
      ['ab', 'ba', 1],
      ['kitten', 'sitting', 3],
      ['timeout', 'tmieuot', 2],
    ] as const;
    for (const [a, b, distance] of cases) assert.equal(editDistance(a, b), distance, `${a} ${b}`);
  });

  it('is zero only for the same word, symmetric, and no longer than the longer word', () => {
    const words = fc.string({ maxLength: 12 });
    fc.assert(
      fc.property(words, words, (a, b) => {
        const distance = editDistance(a, b);
        assert.equal(distance, editDistance(b, a));
        assert.equal(distance === 0, a === b);
        assert.ok(distance <= Math.max(a.length, b.length));
      }),
    );
  });

  it('looks at the first 64 characters only, so that no input is slow', () => {
    assert.equal(editDistance('x'.repeat(100_000), 'y'.repeat(100_000)), 64);
  });
});

describe('suggestion', () => {
  const options = ['timeout', 'queueTimeout', 'deadline', 'attempts', 'retry', 'run'];

  it('finds what was probably meant', () => {
    assert.equal(suggestion('timeOut', options), 'timeout');
    assert.equal(suggestion('tiemout', options), 'timeout');
    assert.equal(suggestion('queuetimeout', options), 'queueTimeout');
    assert.equal(suggestion('atempts', options), 'attempts');
  });

  it('takes the nearest, and the first of equals', () => {
    assert.equal(suggestion('cat', ['bat', 'rat', 'cat']), 'cat');
    assert.equal(suggestion('cat', ['bat', 'rat']), 'bat');
  });

  it('says nothing rather than something far off', () => {
    assert.equal(suggestion('banana', options), null);
    assert.equal(suggestion('xy', options), null);
    assert.equal(suggestion('retries', options), null);
    assert.equal(suggestion('', options), null);
    assert.equal(suggestion('timeout', []), null);
  });
});
