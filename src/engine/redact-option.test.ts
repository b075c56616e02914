import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { defineTask } from './define-task.ts';
import type { StandardJsonSchema, StandardSchema } from './standard-schema.ts';

type Json = Readonly<Record<string, unknown>>;

const card = z.object({ number: z.string() });
const shared = card.meta({ id: 'RedactedCard' });
const tree = z.object({
  pin: z.string(),
  get child() {
    return tree.optional();
  },
});

/** Schemas as other validators may export them. */
function told(schema: Json): StandardSchema & StandardJsonSchema {
  return {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) => ({ value }),
      jsonSchema: { input: () => ({ ...schema }), output: () => ({}) },
    },
  };
}

function define(input: StandardSchema, path: string): void {
  defineTask('pay', { input, redact: [path as 'input.x'], run: () => null });
}

const numberMeant = /Did you mean `input\.(?:card\.|cards\.|a\.|b\.)?number`\?$/;
const pinMeant = /Did you mean `input\.(?:child\.)*pin`\?$/;

/** For each: a path that it has, one that it has not, and the reason for refusing that. */
const table: readonly (readonly [
  what: string,
  schema: StandardSchema,
  has: string | null,
  not: string,
  RegExp,
])[] = [
  ['nullable', z.object({ card: card.nullable() }), 'card.number', 'card.nubmer', numberMeant],
  ['optional', z.object({ card: card.optional() }), 'card.number', 'card.nubmer', numberMeant],
  [
    'array of nullable',
    z.object({ cards: z.array(card.nullable()) }),
    'cards.number',
    'cards.nubmer',
    numberMeant,
  ],
  [
    'array of arrays',
    z.object({ cards: z.array(z.array(card)) }),
    'cards.number',
    'cards.nubmer',
    numberMeant,
  ],
  [
    'union',
    z.union([card, z.object({ iban: z.string() }), z.string()]),
    'iban',
    'nubmer',
    numberMeant,
  ],
  [
    'discriminated union',
    z.discriminatedUnion('k', [
      z.object({ k: z.literal('a'), pin: z.string() }),
      z.object({ k: z.literal('b') }),
    ]),
    'pin',
    'pinn',
    pinMeant,
  ],
  ['intersection', z.intersection(card, z.object({ pin: z.string() })), 'number', 'pinn', pinMeant],
  [
    'tuple',
    z.object({ cards: z.tuple([z.string(), card]) }),
    'cards.number',
    'cards.nubmer',
    numberMeant,
  ],
  [
    'tuple with a rest',
    z.object({ cards: z.tuple([z.string()], card) }),
    'cards.number',
    'cards.nubmer',
    numberMeant,
  ],
  ['loose object', z.looseObject({ number: z.string() }), 'number', 'nubmer', numberMeant],
  [
    'loose object, another member',
    z.object({ open: z.looseObject({ number: z.string() }) }),
    'open.number',
    'open.secret',
    /`input\.open` takes members of any name: redact `input\.open` as a whole, or name this one in/,
  ],
  ['recursive', tree, 'child.child.child.pin', 'child.child.pinn', pinMeant],
  ['lazy', z.lazy(() => tree), 'child.pin', 'child.pinn', pinMeant],
  ['shared', z.object({ a: shared, b: shared }), 'b.number', 'b.nubmer', numberMeant],
  [
    'with a date',
    z.object({ at: z.coerce.date(), number: z.string() }),
    'number',
    'nubmer',
    numberMeant,
  ],
  ['below a text', card, 'number', 'number.x', /Nothing is below `input\.number`\.$/],
  [
    'below a literal',
    z.object({ k: z.literal('a') }),
    'k',
    'k.x',
    /Nothing is below `input\.k`\.$/,
  ],
  ['below a text or null', z.object({ k: z.string().nullable() }), 'k', 'k.x', /Nothing is below/],
  ['a text alone', z.string(), null, 'x', /Nothing is below `input`\.$/],
  ['empty object', z.object({}), null, 'x', /Nothing is below `input`\.$/],
  [
    'record',
    z.object({ cards: z.record(z.string(), card) }),
    'cards',
    'cards.number',
    /`input\.cards` takes members of any name: redact `input\.cards` as a whole, or name/,
  ],
  [
    'record alone',
    z.record(z.string(), card),
    null,
    'number',
    /`input` takes members of any name: name this one in the schema\.$/,
  ],
  [
    'record of known names',
    z.object({ of: z.record(z.enum(['home', 'work']), card) }),
    'of.home.number',
    'of.hmoe.number',
    /Did you mean `input\.of\.home`\?$/,
  ],
  [
    'anything somewhere else',
    z.object({ any: z.any(), unknown: z.unknown(), number: z.string() }),
    'any.thing.at.all',
    'nubmer',
    numberMeant,
  ],
  [
    'allOf with definitions of an older draft',
    told({
      allOf: [{ $ref: '#/definitions/a~1b%20c' }],
      definitions: { 'a/b c': { type: ['object', 'null'], properties: { number: true } } },
    }),
    'number',
    'nubmer',
    numberMeant,
  ],
  [
    'a schema that refers to nothing but itself',
    told({ anyOf: [{ $ref: '#' }, { properties: { pin: {} } }] }),
    'pin',
    'pinn',
    pinMeant,
  ],
];

/** Here the schema does not say what is below, so the path is accepted as it is. */
const open: readonly (readonly [string, Json])[] = [
  ['a member of anything', { properties: { x: {} } }],
  ['an object without members', { properties: { x: { type: 'object' } } }],
  ['an array without elements', { properties: { x: { type: 'array' } } }],
  ['a reference elsewhere', { properties: { x: { $ref: 'https://example.com/x.json' } } }],
  ['a reference to nothing', { properties: { x: { $ref: '#/$defs/toString' } }, $defs: {} }],
];

describe('A path that is redacted', () => {
  for (const [what, schema, has, not, why] of table) {
    it(`is looked for in a schema: ${what}`, () => {
      if (has !== null) define(schema, `input.${has}`);
      const refused = { code: 'invalid_option', message: why };
      assert.throws(() => define(schema, `input.${not}`), refused);
    });
  }

  for (const [what, schema] of open) {
    it(`is taken below ${what}`, () => {
      define(told(schema), 'input.x.secret');
    });
  }
});
