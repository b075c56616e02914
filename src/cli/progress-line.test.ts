import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { wireOperation } from '../../test/support/wire-samples.ts';
import type { WireOperation, WireProgress } from '../core/wire.ts';
import { barText, Pace, progressText, takesProgressSequence } from './progress-line.ts';
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

function line(operation: WireOperation, width: number, leftMs: number | null = null): string {
  const parts = { operation, width, leftMs, now: start + 12_000, trouble: null };
  return progressText(parts, (_, text) => text);
}

describe('the progress line', () => {
  it('shows bar, percentage, time left, time passed and how many', () => {
    const operation = running({ fraction: 0.583, current: 12, total: 20 });
    assert.equal(
      line(operation, 90, 8_200),
      'op_01M833QKVJ… █████████████████▍░░░░░░░░░░░░  58%  ~8 s left · 12 s · 12 of 20',
    );
    assert.equal(
      line(operation, 120, 8_200),
      'op_01M833QKVJTQ91318PAAN2267W █████████████████▍░░░░░░░░░░░░  58%  ~8 s left · 12 s · 12 of 20',
    );
  });

  it('stays below the width of every terminal', () => {
    const message = '日本語のメッセージ and a very long tail that goes on and on and on 👍👍👍';
    for (let width = 1; width <= 200; width += 1) {
      for (const fraction of [null, 0, 0.5, 1]) {
        const shown = line(running({ fraction, message }), width, 500_000);
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

describe('the time left', () => {
  it('follows the pace of the attempt once it says how far it is', () => {
    const now = start + 12_000;
    assert.equal(new Pace().leftMs(running({ fraction: 0.6 }), now), 8_000);
    assert.equal(new Pace().leftMs(running({ fraction: 0.6 }), now + 3_000), 5_000);
  });

  it('is the estimate of the server before that, and unknown without one', () => {
    const estimate = { completes_at: at(30), basis: 'history', samples: 3 } as const;
    const early = running({}, { estimate });
    assert.equal(new Pace().leftMs(early, start + 12_000), 18_000);
    assert.equal(new Pace().leftMs(running({}), start + 12_000), null);
    const begun = running({ fraction: 0 }, { estimate });
    assert.equal(new Pace().leftMs(begun, start + 12_000), null, 'what was usual says no more');
    assert.equal(new Pace().leftMs(early, start + 31_000), null, 'an estimate that passed is none');
  });

  it('starts anew with each attempt', () => {
    const pace = new Pace();
    pace.leftMs(running({ fraction: 0.9 }), start + 12_000);
    const second = (fraction: number, seconds: number) =>
      running({ fraction, updated_at: at(seconds) }, { attempt: 2 });
    assert.equal(pace.leftMs(second(0.1, 20), start + 20_000), null);
    assert.equal(pace.leftMs(second(0.3, 22), start + 22_000), 7_000);
    const again = 'a lost worker began anew under the same number';
    assert.equal(pace.leftMs(second(0.1, 60), start + 60_000), null, again);
    assert.equal(pace.leftMs(second(0.3, 64), start + 64_000), 14_000, again);
  });

  it('forgets the first start once the attempt was handed back and begins again', () => {
    const pace = new Pace();
    const first = (fraction: number, seconds: number, members: Partial<WireOperation> = {}) =>
      running({ fraction, updated_at: at(seconds) }, members);
    assert.equal(pace.leftMs(first(0.5, 10), start + 10_000), 10_000);
    assert.equal(pace.leftMs(wireOperation({ started_at: at(0) }), start + 11_000), null);
    assert.equal(pace.leftMs(first(0.1, 102), start + 102_000), null);
    assert.equal(pace.leftMs(first(0.2, 104), start + 104_000), 16_000);

    const lost = { number: 1, outcome: 'lost', error: null, started_at: at(0) } as const;
    const attempts = [{ ...lost, ended_at: at(20), retry_at: at(20) }];
    const late = new Pace();
    assert.equal(
      late.leftMs(first(0.1, 102, { attempts }), start + 102_000),
      null,
      'for who comes later too',
    );
    assert.equal(late.leftMs(first(0.2, 104, { attempts }), start + 104_000), 16_000);
  });
});

it('the taskbar is told only on terminals that know how', () => {
  assert.equal(takesProgressSequence({}), false);
  assert.equal(takesProgressSequence({ TERM_PROGRAM: 'Apple_Terminal' }), false);
  assert.equal(takesProgressSequence({ TERM_PROGRAM: 'iTerm.app' }), false);
  assert.equal(takesProgressSequence({ TERM_PROGRAM: 'iTerm.app', TERM_FEATURES: 'T3P' }), true);
  assert.equal(takesProgressSequence({ WT_SESSION: 'x' }), true);
});
