import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Endpoint } from '../core/endpoint.ts';
import { silentLogger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { ProgressSubscribers } from './progress-subscribers.ts';

const asks = { id: 'ep_1', events: ['operation.progress'] } as unknown as Endpoint;

/** A store whose answers the test gives, one for each read in order. */
function held() {
  const reads: { tenant: string; answer: (endpoints: readonly Endpoint[]) => void }[] = [];
  const subscribers = new ProgressSubscribers({
    clock: new ManualClock(),
    outage: new Outage(silentLogger, 'read'),
    store: {
      listEndpoints: ({ tenant }) =>
        new Promise((resolve) => {
          reads.push({
            tenant,
            answer: (endpoints) => resolve({ endpoints, nextBeforeId: null }),
          });
        }),
    },
  });
  return { subscribers, reads };
}

it('a change of one tenant leaves what is read of another as it is', async () => {
  const { subscribers, reads } = held();
  const loading = subscribers.load('b');
  subscribers.changed('a');
  reads[0]!.answer([asks]);
  assert.deepEqual(await loading, [asks]);
  assert.deepEqual(subscribers.of('b'), [asks]);
});

it('what was read before a change is not kept, and the next to ask reads anew', async () => {
  const { subscribers, reads } = held();
  const before = subscribers.load('a');
  subscribers.changed('a');
  const after = subscribers.load('a');
  reads[0]!.answer([]);
  assert.deepEqual(await before, []);
  assert.equal(subscribers.of('a'), null);
  reads[1]!.answer([asks]);
  assert.deepEqual(await after, [asks]);
  assert.deepEqual(subscribers.of('a'), [asks]);
  assert.equal(reads.length, 2);
});
