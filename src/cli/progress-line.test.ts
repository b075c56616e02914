import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wireEstimate, wireOperation } from '../../test/support/wire-samples.ts';
import type { WireOperation, WireProgress } from '../core/wire-operation.ts';
import { barText, progressText, takesProgressSequence } from './progress-line.ts';
import { displayWidth } from './terminal-text.ts';

const start = Date.parse('2026-01-01T00:00:00.000Z');
const at = (seconds: number): string => new Date(start + seconds * 1000).toISOString();

function running(progress: Partial<WireProgress>, members: Partial<WireOperation> = {}) {
  return wireOperation({
    status: 'processing',
    attempt: 1,
    started_at: at(0),
    progress: {
      fraction: null,
      message: null,
      current: null,
      total: null,
      updated_at: at(12),
      ...progress,
    },
    ...members,
  });
}

function line(operation: WireOperation, width: number): string {
  const parts = { operation, width, now: start + 12_000, trouble: null };
  return progressText(parts, (_, text) => text);
}

describe('the progress line', () => {
  it('shows bar, percentage, time left, time passed and how many', () => {
    const estimate = wireEstimate({ completes_at: at(20.2), completes_by: at(24), samples: 212 });
    const operation = running({ fraction: 0.583, current: 12, total: 20 }, { estimate });
    assert.equal(
      line(operation, 90),
      'op_01M833QKVJ… █████████████████▍░░░░░░░░░░░░  58%  about 8 s · 12 s · 12 of 20',
    );
    const time = new Date(start + 24_000).toTimeString().slice(0, 8);
    assert.equal(
      line(operation, 140),
      'op_01M833QKVJTQ91318PAAN2267W █████████████████▍░░░░░░░░░░░░  58%  ' +
        `about 8 s, by ${time} at the latest (212 operations) · 12 s · 12 of 20`,
    );
  });

  it('stays below the width of every terminal', () => {
    const message = '日本語のメッセージ and a very long tail that goes on and on and on 👍👍👍';
    for (let width = 1; width <= 200; width += 1) {
      for (const fraction of [null, 0, 0.5, 1]) {
        const estimate = wireEstimate({ completes_at: at(500), completes_by: at(900) });
        const shown = line(running({ fraction, message }, { estimate }), width);
        assert.ok(displayWidth(shown) < width || shown === '', `${width}: ${shown}`);
      }
    }
  });

  it('gives up the id first, then the words, and the bar last', () => {
    const operation = running({ fraction: 0.5, message: 'page 42' });
    assert.equal(line(operation, 60), '███████████████░░░░░░░░░░░░░░░  50%  12 s · page 42');
    assert.equal(line(operation, 30), '█████░░░░░  50%  12 s · page…');
    assert.equal(line(operation, 12), '██░░  50%');
  });

  it('lets no escape sequence of a handler through', () => {
    const message = '\u001b]0;owned\u0007\u001b[2Jcleared\r\nnext \u202egnirts';
    const shown = line(running({ fraction: 0.5, message }), 90);
    assert.match(shown, /12 s · cleared next gnirts$/);
  });

  it('says what it waits for', () => {
    const waits = (members: Partial<WireOperation>): string => line(wireOperation(members), 80);
    assert.match(waits({}), / waiting · 12 s$/);
    assert.match(waits({ ready_at: at(11) }), / waiting · /);
    assert.match(waits({ ready_at: at(72) }), / starts in 1 m 00 s · /);
    assert.match(
      waits({ ready_at: at(14), attempt: 2 }),
      / retrying in 2 s · 12 s · attempt 2 of 4$/,
    );
    assert.match(waits({ cancel_requested_at: at(11) }), / cancelling · /);
  });
});

describe('the bar', () => {
  it('has eighths and never more cells than it was given', () => {
    assert.deepEqual(barText(0, 4), { filled: '', empty: '░░░░' });
    assert.deepEqual(barText(1 / 32, 4), { filled: '▏', empty: '░░░' });
    assert.deepEqual(barText(0.999, 4), { filled: '███▉', empty: '' });
    assert.deepEqual(barText(1, 4), { filled: '████', empty: '' });
    assert.deepEqual(barText(7, 4), { filled: '████', empty: '' });
  });
});

it('the taskbar is told only on terminals that know how', () => {
  assert.equal(takesProgressSequence({}), false);
  assert.equal(takesProgressSequence({ TERM_PROGRAM: 'Apple_Terminal' }), false);
  assert.equal(takesProgressSequence({ TERM_PROGRAM: 'iTerm.app' }), false);
  assert.equal(takesProgressSequence({ TERM_PROGRAM: 'iTerm.app', TERM_FEATURES: 'T3P' }), true);
  assert.equal(takesProgressSequence({ WT_SESSION: 'x' }), true);
});
