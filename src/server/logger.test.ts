import assert from 'node:assert/strict';
import { it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { prettyLogger } from './logger.ts';

function lines(level: 'debug' | 'info', use: (logger: ReturnType<typeof prettyLogger>) => void) {
  const written: string[] = [];
  const write = (line: string) => void written.push(stripVTControlCharacters(line));
  use(prettyLogger({ level, write, now: () => new Date(2026, 0, 1, 2, 3, 4) }));
  return written;
}

it('a request is one short line', () => {
  const fields = { method: 'POST', path: '/reports', status: 202, ms: 3 };
  const written = lines('info', (logger) => logger.info(fields, 'request'));
  assert.deepEqual(written, ['  02:03:04 POST /reports → 202 ms=3\n']);
});

it('what is below the level is not written', () => {
  assert.deepEqual(
    lines('info', (logger) => logger.debug({}, 'detail')),
    [],
  );
});

it('texts of others cannot move the cursor, and secrets are not shown', () => {
  const [line = ''] = lines('info', (logger) =>
    logger.warn({ note: 'a\u001b[2Jb\u009b', token: 'hunter2' }, 'x\r\ny\u0007'),
  );
  assert.equal(
    line,
    '  02:03:04 x\\u000d\\u000ay\\u0007 note="a\\u001b[2Jb\u009b" token=[redacted]\n'.replace(
      '\u009b',
      '\\u009b',
    ),
  );
});

it('an error comes with its stack and its cause, values that cannot be shown without harm', () => {
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const error = new Error('outer');
  error.cause = new Error('inner', { cause: error });
  const [line = ''] = lines('info', (logger) => logger.error({ err: error, circular }, 'Failed'));
  assert.match(
    line,
    /Failed circular=\[cannot be shown\]\n {2}Error: outer\n[^]*caused by Error: inner/,
  );
});

it('an error that came as a record of its name, message and stack reads as one, too', () => {
  const fields = {
    err: { name: 'Error', message: 'gone', stack: 'Error: gone\n    at run (a.ts:1:1)' },
  };
  const [line = ''] = lines('info', (logger) => logger.error(fields, 'Failed'));
  assert.equal(line, '  02:03:04 Failed\n  Error: gone\n      at run (a.ts:1:1)\n');
  const [bare = ''] = lines('info', (logger) =>
    logger.error({ err: { name: null, message: 'a text was thrown\u0007' } }, 'Failed'),
  );
  assert.equal(bare, '  02:03:04 Failed\n  a text was thrown\\u0007\n');
});

it('an instant is a time of day that a person can read', () => {
  const fields = { retryAt: Date.UTC(2026, 0, 1, 2, 3, 5, 250), nextAt: null, at: 5, format: 1e13 };
  const [line = ''] = lines('info', (logger) => logger.warn(fields, 'Failed'));
  assert.equal(
    line,
    '  02:03:04 Failed retryAt=2026-01-01T02:03:05.250Z at=5 format=10000000000000\n',
  );
});
