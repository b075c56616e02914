import assert from 'node:assert/strict';
import { it } from 'node:test';
import { jsonLine } from './json-line.ts';

const parsed = (fields: object, message = 'm') => {
  const line = jsonLine({ level: 'info', time: 't', fields, message });
  assert.match(line, /^[^\n]*\n$/);
  return JSON.parse(line) as Record<string, unknown>;
};

it('a record is one line of JSON, whatever the texts are', () => {
  const text = 'quote " backslash \\ line\r\n tab\t escape \u001b[2J c1 \u009b é 🙂 \ud800';
  const record = parsed({ text, [text]: 1 }, text);
  assert.equal(record['text'], text);
  assert.equal(record[text], 1);
  assert.equal(record['msg'], text);
  const line = jsonLine({ level: 'info', time: 't', fields: { text }, message: '' });
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  assert.doesNotMatch(line.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/);
});

it('secrets are not written, at any depth', () => {
  const record = parsed({ Token: 'x', headers: { Authorization: 'x', list: [{ password: 'x' }] } });
  assert.ok(!JSON.stringify(record).includes('"x"'));
});

it('errors come with type, message, code, stack and cause', () => {
  const error = Object.assign(new TypeError('outer', { cause: new Error('inner') }), { code: 'E' });
  const { err } = parsed({ err: error }) as { err: Record<string, unknown> };
  assert.equal(err['type'], 'TypeError');
  assert.equal(err['code'], 'E');
  assert.match(String(err['stack']), /outer/);
  assert.equal((err['cause'] as { message: string }).message, 'inner');
});

it('what JSON cannot say does not throw', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const throwing = {
    get x(): never {
      throw new Error('no');
    },
  };
  const record = parsed({
    circular,
    throwing,
    big: 1n,
    nan: Number.NaN,
    none: undefined,
    symbol: Symbol('s'),
    method: () => 1,
    date: new Date(0),
  });
  assert.equal(record['circular'], '[cannot be shown]');
  assert.equal(record['nan'], null);
  assert.equal(record['date'], '1970-01-01T00:00:00.000Z');
  assert.ok(!('none' in record) && !('method' in record));
});
