import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { it } from 'node:test';
import { inputFrom } from '../cli/arguments.ts';
import { inputWords } from './input-words.ts';

it('types an input as the README does, and as JSON where that must be', () => {
  assert.equal(inputWords({ name: 'text' }), 'name=text');
  assert.equal(
    inputWords({ seconds: 20, to: 'somebody@example.com' }),
    'seconds:=20 to=somebody@example.com',
  );
  assert.equal(inputWords({ tags: ['a b'] }), `'tags:=["a b"]'`);
  assert.equal(inputWords({}), '');
  assert.equal(inputWords([1]), `--input '[1]'`);
  assert.equal(inputWords({ 'a.b': "it's" }), `--input '{"a.b":"it'\\''s"}'`);
});

it('is read by a shell and the command line as what it was', () => {
  const inputs = [
    { name: 'text', n: 1, yes: true, none: null, list: [1, 'a'], inner: { a: "it's $HOME" } },
    { file: '@x', empty: '', quote: "'", spaced: 'a b', code: '5', json: '{"a":1}' },
  ];
  for (const input of inputs) {
    const shell = `for word in ${inputWords(input)}; do printf '%s\\0' "$word"; done`;
    const words = execFileSync('/bin/sh', ['-c', shell], { encoding: 'utf8' }).split('\0');
    assert.deepEqual(inputFrom({ words: words.slice(0, -1), schema: null }), input);
  }
});
