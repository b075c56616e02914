import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { errorTable, outcomeCodes, RaincheckError, TaskError } from './errors.ts';

const rows = Object.entries(errorTable);

describe('the error table', () => {
  it('has codes in snake_case and a title of its own for each', () => {
    for (const [code] of rows) assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.equal(new Set(rows.map(([, row]) => row.title)).size, rows.length);
    for (const [code, { title }] of rows) {
      assert.match(title, /^[A-Z][^.]*[^. ]$/, `${code}: one short phrase without a full stop`);
    }
  });

  it('has HTTP error statuses only', () => {
    for (const [code, { status }] of rows) {
      assert.ok(Number.isInteger(status) && status >= 400 && status <= 599, code);
    }
  });

  it('calls retryable whatever tells a client to come back: 408, 429, 503', () => {
    for (const [code, { status, retryable }] of rows) {
      if ([408, 429, 503].includes(status)) assert.equal(retryable, true, code);
    }
  });

  it('calls nothing retryable that the request itself got wrong', () => {
    for (const [code, { status, retryable }] of rows) {
      if (status >= 400 && status < 500 && ![408, 409, 429].includes(status)) {
        assert.equal(retryable, false, code);
      }
    }
  });

  it('has a row for every outcome, each named once', () => {
    assert.equal(new Set(outcomeCodes).size, outcomeCodes.length);
    for (const code of outcomeCodes) assert.ok(code in errorTable, code);
  });

  it('promises no code that nothing raises', () => {
    const source = path.join(import.meta.dirname, '..');
    const texts = globSync('**/*.ts', { cwd: source })
      .filter((file) => !/\.(?:test|fixture)\.ts$/.test(file) && file !== 'core/errors.ts')
      .map((file) => readFileSync(path.join(source, file), 'utf8'));
    const unused = rows
      .map(([code]) => code)
      .filter((code) => !texts.some((text) => text.includes(`'${code}'`)));
    assert.deepEqual(unused, []);
  });
});

describe('RaincheckError', () => {
  it('keeps cause, field errors and the wait when they are given, and has none otherwise', () => {
    const cause = new Error('disk');
    const errors = [{ pointer: '/rows', detail: 'must be a number' }];
    const full = new RaincheckError('queue_full', 'Full.', { cause, errors, retryAfterSeconds: 3 });
    assert.equal(full.name, 'RaincheckError');
    assert.equal(full.code, 'queue_full');
    assert.equal(full.cause, cause);
    assert.equal(full.errors, errors);
    assert.equal(full.retryAfterSeconds, 3);
    const bare = new RaincheckError('internal', 'Oh.');
    assert.ok(bare instanceof Error);
    assert.equal('cause' in bare, false);
    assert.equal(bare.errors, undefined);
    assert.equal(bare.retryAfterSeconds, undefined);
  });
});

describe('TaskError', () => {
  it('is retryable with status 500 unless its author says otherwise', () => {
    const bare = new TaskError('No rows.');
    assert.equal(bare.name, 'TaskError');
    assert.equal(bare.message, 'No rows.');
    assert.equal(bare.retryable, true);
    assert.equal(bare.status, 500);
    assert.equal(bare.type, undefined);
    assert.equal(bare.title, undefined);
    assert.equal('cause' in bare, false);
    const full = new TaskError('Gone.', {
      cause: 0,
      retryable: false,
      status: 410,
      type: 'https://example.com/gone',
      title: 'Gone',
    });
    assert.equal(full.cause, 0);
    assert.deepEqual(
      [full.retryable, full.status, full.type, full.title],
      [false, 410, 'https://example.com/gone', 'Gone'],
    );
  });
});
