import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sampleInput } from './sample-input.ts';

it('A sample is as the format and the lengths ask', () => {
  const samples = [
    [{ type: 'string', format: 'date' }, '2030-01-31'],
    [{ type: 'string', format: 'email' }, 'somebody@example.com'],
    [{ type: 'string', minLength: 6 }, 'textxx'],
    [{ type: 'string', maxLength: 2 }, 'te'],
    [{ type: 'integer', minimum: 7 }, 7],
  ];
  for (const [schema, sample] of samples) assert.deepEqual(sampleInput(schema), sample);
});

it('A sample of a choice is of the first', () => {
  const text = { type: 'string' };
  assert.equal(sampleInput({ anyOf: [text, { type: 'null' }] }), 'text');
  assert.deepEqual(
    sampleInput({
      type: 'object',
      properties: { kind: { oneOf: [{ const: 'a' }, { const: 'b' }] }, rest: text },
      required: ['kind'],
    }),
    { kind: 'a' },
  );
});

it('A schema that holds itself has a sample that ends', () => {
  const node: Record<string, unknown> = { type: 'object', required: ['next'] };
  node['properties'] = { next: node };
  assert.equal(typeof JSON.stringify(sampleInput(node)), 'string');
});

it('A sample follows the references of its schema', () => {
  const schema = {
    type: 'object',
    required: ['first'],
    properties: { first: { $ref: '#/$defs/node' } },
    $defs: {
      node: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, next: { $ref: '#/$defs/node' } },
      },
    },
  };
  assert.deepEqual(sampleInput(schema), { first: { name: 'text' } });
});
