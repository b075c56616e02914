import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Endpoint } from '../core/endpoint.ts';
import { silentLogger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { AskingEndpoints } from './asking-endpoints.ts';

const asks = { id: 'ep_1', events: ['operation.progress'] } as unknown as Endpoint;

/** A store whose answers the test gives, one for each read in order. */
function held() {
  const reads: { tenant: string; answer: (endpoints: readonly Endpoint[]) => void }[] = [];
  const asking = new AskingEndpoints({
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
  return { asking, reads };
}

it('a change of one tenant leaves what is read of another as it is', async () => {
  const { asking, reads } = held();
  const loading = asking.load('b');
  asking.changed('a');
  reads[0]!.answer([asks]);
  assert.deepEqual(await loading, [asks]);
  assert.deepEqual(asking.of('b'), [asks]);
});

it('what was read before a change is not kept, and the next to ask reads anew', async () => {
  const { asking, reads } = held();
  const before = asking.load('a');
  asking.changed('a');
  const after = asking.load('a');
  reads[0]!.answer([]);
  assert.deepEqual(await before, []);
  assert.equal(asking.of('a'), null);
  reads[1]!.answer([asks]);
  assert.deepEqual(await after, [asks]);
  assert.deepEqual(asking.of('a'), [asks]);
  assert.equal(reads.length, 2);
});
