import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jsonPointer } from './json-pointer.ts';

it('A JSON pointer escapes what would end a token', () => {
  assert.equal(jsonPointer([]), '');
  assert.equal(jsonPointer(['rows', 0, 'a/b', 'm~n', '~1', '']), '/rows/0/a~1b/m~0n/~01/');
});
