import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { inputFrom, labelsFrom } from './arguments.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-arguments-'));
after(() => rmSync(folder, { recursive: true }));

const schema = {
  type: 'object',
  properties: {
    seconds: { type: 'integer' },
    name: { type: 'string' },
    dry: { type: 'boolean' },
    either: { anyOf: [{ type: 'number' }, { type: 'null' }] },
    both: { type: ['string', 'number'] },
    size: { enum: [1, 2, 3] },
    kind: { enum: ['1', 'all'] },
    tags: { type: 'array', items: { type: 'string' } },
    options: { type: 'object' },
    date_range: { $ref: '#/$defs/range' },
  },
  $defs: {
    range: {
      type: 'object',
      properties: { days: { type: 'number' }, next: { $ref: '#/$defs/range' } },
    },
  },
};

const input = (...words: string[]): unknown => inputFrom({ words, schema });

describe('the input from words', () => {
  it('takes the types that the schema says', () => {
    assert.deepEqual(
      input('seconds=20', 'name=20', 'dry=true', 'either=-1.5e3', 'size=2', 'kind=1'),
      {
        seconds: 20,
        name: '20',
        dry: true,
        either: -1500,
        size: 2,
        kind: '1',
      },
    );
    assert.deepEqual(input('either=null', 'both=3', 'options={"a":1}'), {
      either: null,
      both: '3',
      options: { a: 1 },
    });
  });

  it('follows references, also ones that go round', () => {
    assert.deepEqual(input('date_range.days=3', 'date_range.next.next.days=4'), {
      date_range: { days: 3, next: { next: { days: 4 } } },
    });
  });

  it('leaves what does not fit to the server, which names the field', () => {
    assert.deepEqual(input('seconds=soon', 'dry=yes', 'seconds2=0x10'), {
      seconds: 'soon',
      dry: 'yes',
      seconds2: '0x10',
    });
  });

  it('leaves every text a text without a schema', () => {
    assert.deepEqual(inputFrom({ words: ['a=1', 'b:=1'], schema: null }), { a: '1', b: 1 });
    assert.deepEqual(inputFrom({ words: [], schema: null }), {});
  });

  it('collects lists', () => {
    assert.deepEqual(input('tags=a', 'tags=b'), { tags: ['a', 'b'] });
    assert.deepEqual(input('tags=["a","b"]'), { tags: ['a', 'b'] });
    assert.deepEqual(input('tags.0=a', 'tags.1=b'), { tags: ['a', 'b'] });
    assert.throws(() => input('tags.5=a'), /list index up to 0/);
  });

  it('reads values from files', () => {
    const file = path.join(folder, 'note.txt');
    writeFileSync(file, '{"a": 1}');
    assert.deepEqual(input(`name=@${file}`, `x:=@${file}`, `options=@${file}`, 'y=\\@home'), {
      name: '{"a": 1}',
      x: { a: 1 },
      options: { a: 1 },
      y: '@home',
    });
    assert.throws(
      () => input('name=@/nowhere/at/all'),
      /^UsageError: `name`: there is no file \/nowhere\/at\/all$/,
    );
  });

  it('keeps = and escaped dots, and takes an empty text', () => {
    assert.deepEqual(input('url=http://x/?a=b', 'a\\.b=c', 'empty='), {
      url: 'http://x/?a=b',
      'a.b': 'c',
      empty: '',
    });
  });

  it('lays words over the base', () => {
    const base = { name: 'a', date_range: { days: 1, x: 2 }, tags: ['old'] };
    assert.deepEqual(inputFrom({ words: ['date_range.days=5', 'tags=new'], schema, base }), {
      name: 'a',
      date_range: { days: 5, x: 2 },
      tags: ['new'],
    });
    assert.deepEqual(base.date_range, { days: 1, x: 2 });
    assert.throws(() => inputFrom({ words: ['a=1'], schema, base: [1] }), /not a JSON object/);
  });

  it('makes __proto__ a member like any other', () => {
    const made = input('__proto__.polluted=yes') as object;
    assert.equal(JSON.stringify(made), '{"__proto__":{"polluted":"yes"}}');
    assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  });

  it('names what it cannot read', () => {
    assert.throws(() => input('seconds'), /Expected name=value .* got 'seconds'/);
    assert.throws(() => input('=1'), /Expected name=value/);
    assert.throws(() => input('a..b=1'), /empty name between its dots/);
    assert.throws(() => input('x:={'), /`x` is not JSON/);
    assert.throws(() => input('name=a', 'name=b'), /`name` is given twice/);
  });
});

it('labels are name=value', () => {
  assert.deepEqual(labelsFrom(['team=acme', 'q=a=b']), { team: 'acme', q: 'a=b' });
  assert.throws(() => labelsFrom(['team']), /Expected --label name=value, got 'team'/);
});
