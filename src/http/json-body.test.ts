import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { parseJsonBytes } from './json-body.ts';

function fault(body: string | Uint8Array): RaincheckError {
  try {
    parseJsonBytes(Buffer.from(body));
  } catch (error) {
    assert.ok(error instanceof RaincheckError);
    return error;
  }
  return assert.fail('Expected the body to be refused');
}

function nested(depth: number): string {
  return '['.repeat(depth) + ']'.repeat(depth);
}

describe('A JSON body', () => {
  it('gives value, text and bytes', () => {
    const bytes = Buffer.from(' {"a": [1, "ü"]} ');
    const body = parseJsonBytes(bytes);
    assert.deepEqual(body.value, { a: [1, 'ü'] });
    assert.equal(body.text, ' {"a": [1, "ü"]} ');
    assert.deepEqual(Buffer.from(body.bytes), bytes);
  });

  const refused: [string, string | Uint8Array, string | undefined][] = [
    ['nothing but spaces', '  ', undefined],
    ['half a document', '{"a":', undefined],
    ['two documents', '{}{}', undefined],
    ['NaN', '[NaN]', undefined],
    ['a trailing comma', '[1,]', undefined],
    ['a comment', '[/* */]', undefined],
    ['a raw NUL', '["\0"]', undefined],
    ['a BOM', '\ufeff{}', undefined],
    ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), undefined],
    ['UTF-8 of a surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), undefined],
    ['UTF-16', Buffer.from('{}', 'utf16le'), undefined],
    ['an escaped NUL', '{"a":["x","\\u0000"]}', '/a/1'],
    ['a lone surrogate', '{"a":"\\ud800"}', '/a'],
    ['a lone surrogate as a name', '{"b":{"\\udc00":1}}', '/b'],
    ['an infinite number', '{"a":{"b/c":1e400}}', '/a/b~1c'],
    ['a __proto__ member', '{"a~":{"__proto__":{}}}', '/a~0/__proto__'],
    ['an escaped __proto__ member', '{"__pr\\u006fto__":1}', '/__proto__'],
  ];
  for (const [what, body, pointer] of refused) {
    it(`is refused for ${what}`, () => {
      const error = fault(body);
      assert.equal(error.code, 'invalid_json');
      assert.equal(error.errors?.[0]?.pointer, pointer);
    });
  }

  it('may be nested as deep as the limit, no deeper', () => {
    parseJsonBytes(Buffer.from(nested(limits.jsonDepth)));
    assert.equal(fault(nested(limits.jsonDepth + 1)).code, 'invalid_json');
  });

  it('of 100,000 brackets is refused, closed or not', () => {
    assert.equal(fault(nested(100_000)).code, 'invalid_json');
    assert.equal(fault('['.repeat(100_000)).code, 'invalid_json');
    assert.equal(fault('{"a":'.repeat(100_000)).code, 'invalid_json');
  });

  it('may have as many members as the limit, no more', () => {
    const wide = (members: number): string => `[${'1,'.repeat(members - 1)}1]`;
    parseJsonBytes(Buffer.from(wide(limits.jsonMembers)));
    assert.equal(fault(wide(limits.jsonMembers + 1)).code, 'invalid_json');
  });

  it('is never quoted in the error', () => {
    assert.doesNotMatch(fault('{"secret": hunter2}').message, /hunter2|secret/);
  });

  it('of any bytes is a value or invalid_json', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parseJsonBytes(bytes);
          } catch (error) {
            assert.ok(error instanceof RaincheckError && error.code === 'invalid_json');
          }
        },
      ),
    );
  });
});
