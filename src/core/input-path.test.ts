import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inputMemberText, isInputPath } from './input-path.ts';

describe('the path of a member of the input', () => {
  it('is names with dots between them', () => {
    for (const path of ['a', 'user.id', '_x.$y', 'größe', 'a-b.c1', 'toString']) {
      assert.ok(isInputPath(path), path);
    }
  });

  it('is nothing that a store could take for something else', () => {
    const wrong = [
      '',
      '.',
      'a.',
      '.a',
      'a..b',
      '0',
      'a.0',
      '-1',
      'a b',
      'a"',
      "a'",
      'a[0]',
      'a{b}',
    ];
    for (const path of [...wrong, '__proto__', 'a.__proto__', 'a\\', 'a,b', 'a\0']) {
      assert.ok(!isInputPath(path), path);
    }
  });
});

describe('the text of a member of the input', () => {
  const input =
    '{"t":"x","n":1.50,"e":1e2,"b":true,"z":null,"o":{"t":"y","o":{}},"l":["a"],"\\u0061a":"\\u00e9"}';
  for (const [path, expected] of [
    ['t', 'x'],
    ['n', '1.50'],
    ['e', '1e2'],
    ['b', 'true'],
    ['z', null],
    ['o', null],
    ['o.t', 'y'],
    ['o.o.t', null],
    ['l', null],
    ['l.length', null],
    ['t.length', null],
    ['n.text', null],
    ['aa', 'é'],
    ['no', null],
    ['toString', null],
  ] as const) {
    it(`${path} is ${expected}`, () => assert.equal(inputMemberText(input, path), expected));
  }

  it('is null where the input is no object', () => {
    for (const json of ['"t"', '1', 'null', '[{"t":"x"}]']) {
      assert.equal(inputMemberText(json, 't'), null);
    }
  });
});
