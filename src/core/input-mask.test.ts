import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  inputMaskOf,
  isMaskedPath,
  maskedInput,
  restoredInput,
  standInsIn,
  type InputMask,
} from './input-mask.ts';

function maskOf(...paths: string[]): InputMask {
  const mask = inputMaskOf(paths);
  assert.ok(mask !== null);
  return mask;
}

describe('maskedInput', () => {
  const shown: readonly [string, string[], string, string][] = [
    ['a member', ['key'], '{"key":"s","a":1}', '{"key":"[redacted]","a":1}'],
    [
      'whatever it is',
      ['a', 'b'],
      '{"a":{"x":[1]},"b":null}',
      '{"a":"[redacted]","b":"[redacted]"}',
    ],
    [
      'a member of a member',
      ['a.b'],
      '{"a":{"b":1,"c":2},"b":3}',
      '{"a":{"b":"[redacted]","c":2},"b":3}',
    ],
    [
      'in each element of an array',
      ['a.b'],
      '{"a":[{"b":1},[{"b":2}],3]}',
      '{"a":[{"b":"[redacted]"},[{"b":"[redacted]"}],3]}',
    ],
    ['of an input that is an array', ['b'], '[{"b":1}]', '[{"b":"[redacted]"}]'],
    ['nothing where there is none', ['a.b', 'c'], '{"a":"text","d":1}', '{"a":"text","d":1}'],
    [
      'numbers as they were sent',
      ['k'],
      '{"k":1,"n":1.50,"big":12345678901234567890}',
      '{"k":"[redacted]","n":1.50,"big":12345678901234567890}',
    ],
    ['none of several of one name', ['k'], '{"k":"one","k":"two"}', '{"k":"[redacted]"}'],
    [
      '__proto__ as a member',
      ['k'],
      '{"__proto__":{"k":1},"k":2}',
      '{"__proto__":{"k":1},"k":"[redacted]"}',
    ],
    ['a path below another', ['a.b', 'a'], '{"a":{"b":1}}', '{"a":"[redacted]"}'],
    ['nothing of a number', ['n.rawJSON'], '{"n":1.5}', '{"n":1.5}'],
    ['a text', ['k'], '"k"', '"k"'],
  ];
  for (const [what, paths, text, wanted] of shown) {
    it(`keeps back ${what}`, () => assert.equal(maskedInput(text, maskOf(...paths)), wanted));
  }
});

describe('isMaskedPath', () => {
  it('is true of a path and of all below, not of those above or beside', () => {
    const mask = maskOf('card.number', 'key');
    const wanted = {
      'card.number': true,
      'card.number.x': true,
      key: true,
      card: false,
      'card.name': false,
      keys: false,
    };
    for (const [path, is] of Object.entries(wanted))
      assert.equal(isMaskedPath(mask, path), is, path);
  });
});

describe('restoredInput', () => {
  const mask = maskOf('key', 'cards.number', 'cards.cvc', 'deep.er.key');
  const restored = (sent: unknown, stored: string) => restoredInput(sent, stored, mask);

  it('puts in what is stored, digit by digit, and leaves what was edited', () => {
    assert.deepEqual(
      restored(
        { key: '[redacted]', n: 2, deep: { er: { key: 'new' } } },
        '{"key":12345678901234567890,"n":1}',
      ),
      { text: '{"key":12345678901234567890,"n":2,"deep":{"er":{"key":"new"}}}', unknown: [] },
    );
  });

  it('puts in nothing that is no stand-in, nor anything elsewhere', () => {
    const sent = { key: '[redacted] ', other: '[redacted]' };
    assert.deepEqual(restored(sent, '{"key":"s","other":"t"}'), {
      text: JSON.stringify(sent),
      unknown: [],
    });
  });

  it('names the stand-ins for which nothing is stored', () => {
    const sent = { key: '[redacted]', deep: { er: { key: '[redacted]' } } };
    assert.deepEqual(restored(sent, '{"deep":{"er":"text"}}').unknown, ['/key', '/deep/er/key']);
    assert.deepEqual(restored({ key: '[redacted]' }, '"text"').unknown, ['/key']);
  });

  it('puts in an array only as a whole', () => {
    const stored = '{"cards":[{"number":1,"cvc":2,"of":1.50},{"number":3,"cvc":4,"of":"b"}]}';
    const [a, b] = [
      { number: '[redacted]', cvc: '[redacted]', of: 1.5 },
      { number: '[redacted]', cvc: '[redacted]', of: 'b' },
    ];
    assert.deepEqual(restored({ cards: [a, b] }, stored), { text: stored, unknown: [] });
    const { unknown } = restored({ cards: [b] }, stored);
    assert.deepEqual(unknown, ['/cards/0/number', '/cards/0/cvc']);
    assert.equal(restored({ cards: [b, a] }, stored).unknown.length, 4);
    const fresh = { cards: [{ number: 9, cvc: 8, of: 'b' }] };
    assert.deepEqual(restored(fresh, stored), { text: JSON.stringify(fresh), unknown: [] });
  });
});

describe('standInsIn', () => {
  it('finds them at any depth, where the mask has them only', () => {
    const mask = maskOf('key', 'cards.number');
    const value = {
      key: '[redacted]',
      b: '[redacted]',
      cards: [{ number: '1' }, { number: '[redacted]' }],
    };
    assert.deepEqual(standInsIn(value, mask), ['/key', '/cards/1/number']);
    assert.deepEqual(standInsIn({ key: 'secret' }, mask), []);
  });
});
