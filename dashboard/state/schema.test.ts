import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fieldsOf, memberAt, sampleOf, withMember } from './schema.ts';

const schema = {
  type: 'object',
  required: ['type', 'range'],
  properties: {
    type: { enum: ['summary', 'top'] },
    range: { type: 'string', examples: ['2026-01..2026-06'], description: 'Months.' },
    count: { type: 'integer', minimum: 2, maximum: 9 },
    loud: { type: 'boolean' },
    to: { type: 'object', required: ['mail'], properties: { mail: { type: 'string' } } },
    tags: { type: 'array', items: { type: 'string' } },
    either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
  },
};

describe('a form from a JSON Schema', () => {
  it('has a field of the right kind for each member', () => {
    const kinds = fieldsOf(schema)?.map(({ name, kind, required }) => [name, kind, required]);
    assert.deepEqual(kinds, [
      ['type', 'choice', true],
      ['range', 'text', true],
      ['count', 'number', false],
      ['loud', 'boolean', false],
      ['to', 'group', false],
      ['tags', 'json', false],
      ['either', 'json', false],
    ]);
  });

  it('gives up on what is no plain object', () => {
    assert.equal(fieldsOf({ type: 'array' }), null);
    assert.equal(fieldsOf({ anyOf: [schema] }), null);
    assert.equal(fieldsOf(null), null);
  });

  it('starts with what is likely to fit', () => {
    assert.deepEqual(sampleOf(schema), { type: 'summary', range: '2026-01..2026-06' });
  });

  it('sets members deep inside, and takes out what is left empty', () => {
    const set = withMember({ a: 1 }, ['to', 'mail'], 'x');
    assert.deepEqual(set, { a: 1, to: { mail: 'x' } });
    assert.equal(memberAt(set, ['to', 'mail']), 'x');
    assert.deepEqual(withMember(set, ['to', 'mail'], undefined), { a: 1 });
  });
});
