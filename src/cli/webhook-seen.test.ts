import assert from 'node:assert/strict';
import { it } from 'node:test';
import { WebhookSeen } from './webhook-seen.ts';

const body = Buffer.from('{}');

it('ids are remembered up to the ten thousand that came last', () => {
  const seen = new WebhookSeen();
  const attemptOf = (id: string): number => seen.note(id, { body, now: 0 }).attempt;
  for (let i = 0; i < 10_000; i += 1) assert.equal(attemptOf(`msg_${i}`), 1);
  assert.equal(attemptOf('msg_0'), 2, 'the oldest of ten thousand is still known');
  assert.equal(attemptOf('msg_new'), 1);
  assert.equal(attemptOf('msg_0'), 3, 'it was not quiet longest any more');
  assert.equal(attemptOf('msg_1'), 1, 'this one was, and is forgotten');
});

it('an attempt knows what became of the one before', () => {
  const seen = new WebhookSeen();
  assert.deepEqual(seen.note('msg_1', { body, now: 5 }), {
    attempt: 1,
    duplicate: false,
    sameBody: true,
    before: null,
  });
  const overlapping = seen.note('msg_1', { body, now: 6 });
  assert.deepEqual(overlapping.before, { status: null, at: 5 }, 'not answered yet');
  seen.answered('msg_1', 500);
  assert.deepEqual(seen.note('msg_1', { body, now: 9 }), {
    attempt: 3,
    duplicate: false,
    sameBody: true,
    before: { status: 500, at: 6 },
  });
  seen.answered('msg_1', 204);
  seen.answered('msg_1', 500);
  const later = seen.note('msg_1', { body: Buffer.from('{ }'), now: 10 });
  assert.equal(later.duplicate, true, 'one was acknowledged, whatever came after it');
  assert.equal(later.sameBody, false);
});
