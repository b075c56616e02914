import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { pending } from '../core/delivery.fixture.ts';
import { DeliveriesAhead } from './deliveries-ahead.ts';
import type { WaitingDelivery } from './delivery-rows.ts';

const now = 1_000;
const endpoint = 7;

function waiting(id: string, nextAt = now, p: { body?: string; expiresAt?: number } = {}) {
  const { body = 'body', expiresAt = now + 1_000 } = p;
  const delivery = { ...pending, id, nextAt, expiresAt };
  const place = { seq: 1, endpointSeq: endpoint, attemptStartedAt: null, lastAttempt: null };
  return { row: { ...place, delivery }, body, headers: {}, secret: null } satisfies WaitingDelivery;
}

/** Takes all that are known, in order. */
function taken(ahead: DeliveriesAhead): string[] {
  const ids: string[] = [];
  for (let one = ahead.first(endpoint, now); one !== undefined; one = ahead.first(endpoint, now)) {
    ids.push(one.row.delivery.id);
    ahead.taken(endpoint);
  }
  return ids;
}

describe('deliveries ahead', () => {
  it('knows what was created since an endpoint had nothing waiting, in order', () => {
    const ahead = new DeliveriesAhead();
    ahead.nothingElse(endpoint);
    for (const id of ['b', 'd', 'a', 'c']) ahead.created(endpoint, waiting(id));
    ahead.created(endpoint, waiting('0', now + 1));
    assert.deepEqual(taken(ahead), ['a', 'b', 'c', 'd', '0']);
    assert.ok(ahead.isWholeBefore(endpoint, Infinity));
    assert.deepEqual(ahead.after(endpoint), [now + 1, '0']);
  });

  it('knows nothing of an endpoint that it was not told about', () => {
    const ahead = new DeliveriesAhead();
    ahead.created(endpoint, waiting('a'));
    assert.equal(ahead.first(endpoint, now), undefined);
    assert.ok(!ahead.isWholeBefore(endpoint, now));
  });

  it('leaves a delivery for the file when others may wait before it', () => {
    const ahead = new DeliveriesAhead();
    ahead.keep(endpoint, [waiting('a'), waiting('b')], now);
    ahead.created(endpoint, waiting('d'));
    assert.ok(!ahead.isWholeBefore(endpoint, now + 1));
    assert.deepEqual(taken(ahead), ['a', 'b']);
    assert.deepEqual(ahead.after(endpoint), [now, 'b']);
  });

  it('forgets an endpoint when a delivery that it does not hold waits among those known', () => {
    const ahead = new DeliveriesAhead();
    ahead.keep(endpoint, [waiting('c')], now + 1);
    ahead.planned(endpoint, now, 'a');
    assert.equal(ahead.first(endpoint, now), undefined);
    assert.equal(ahead.after(endpoint), undefined);
  });

  it('reads from where a delivery is planned that it does not hold', () => {
    const ahead = new DeliveriesAhead();
    ahead.nothingElse(endpoint);
    ahead.created(endpoint, waiting('a'));
    ahead.planned(endpoint, now + 500, 'b');
    ahead.created(endpoint, waiting('c', now + 499));
    ahead.created(endpoint, waiting('d', now + 500));
    assert.ok(ahead.isWholeBefore(endpoint, now + 500));
    assert.ok(!ahead.isWholeBefore(endpoint, now + 501));
    assert.deepEqual(taken(ahead), ['a', 'c']);
  });

  it('passes over those that have expired', () => {
    const ahead = new DeliveriesAhead();
    ahead.nothingElse(endpoint);
    ahead.created(endpoint, waiting('a', now, { expiresAt: now }));
    ahead.created(endpoint, waiting('b'));
    assert.deepEqual(taken(ahead), ['b']);
  });

  it('holds no more than 8,192 deliveries and 16 MiB of bodies, and reads on from there', () => {
    for (const body of ['body', 'x'.repeat(1_048_576)]) {
      const ahead = new DeliveriesAhead();
      const bound = body.length === 4 ? 8_192 : 16;
      ahead.nothingElse(endpoint);
      const id = (i: number): string => String(i).padStart(6, '0');
      for (let i = 0; i < bound + 10; i += 1)
        ahead.created(endpoint, waiting(id(i), now, { body }));
      assert.ok(!ahead.isWholeBefore(endpoint, now + 1));
      assert.equal(taken(ahead).length, bound);
      assert.deepEqual(ahead.after(endpoint), [now, id(bound - 1)]);
      // What was taken makes room again.
      ahead.keep(endpoint, [], now + 1);
      ahead.created(endpoint, waiting(id(bound + 10), now, { body }));
      assert.deepEqual(taken(ahead), [id(bound + 10)]);
    }
  });

  it('forgets one of 1,024 endpoints for another one, if it can one without deliveries', () => {
    const ahead = new DeliveriesAhead();
    const known = (): number[] =>
      Array.from({ length: 1_026 }, (_, seq) => seq).filter((seq) => ahead.isWholeBefore(seq, now));
    for (let seq = 0; seq < 1_024; seq += 1) {
      ahead.nothingElse(seq);
      if (seq !== 500) ahead.created(seq, waiting('a'));
    }
    assert.equal(known().length, 1_024);
    ahead.nothingElse(1_024);
    ahead.created(1_024, waiting('a'));
    assert.equal(known().length, 1_024);
    assert.ok(!known().includes(500));
    ahead.nothingElse(1_025);
    assert.equal(known().length, 1_024);
    assert.equal(ahead.room, 8_192 - 1_023);
  });
});
