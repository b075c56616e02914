import { after, describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { acceptCases } from './store-cases-accept.ts';
import { atAcceptCases } from './store-cases-at-accept.ts';
import { attemptCases } from './store-cases-attempts.ts';
import { claimCases } from './store-cases-claim.ts';
import { deliveryClaimCases } from './store-cases-delivery-claim.ts';
import { deliveryKeepCases } from './store-cases-delivery-keep.ts';
import { deliveryListCases } from './store-cases-delivery-list.ts';
import { deliverySettleCases } from './store-cases-delivery-settle.ts';
import { deliverySteerCases } from './store-cases-delivery-steer.ts';
import { deliverySweepCases } from './store-cases-delivery-sweep.ts';
import { deliveryTurnCases } from './store-cases-delivery-turns.ts';
import { endpointCases } from './store-cases-endpoints.ts';
import { handshakeCases } from './store-cases-handshake.ts';
import { keepCases } from './store-cases-keep.ts';
import { leaseCases } from './store-cases-leases.ts';
import { listCases } from './store-cases-list.ts';
import { logCases } from './store-cases-logs.ts';
import { noteCases } from './store-cases-notes.ts';
import { outboxEndpointCases } from './store-cases-outbox-endpoints.ts';
import { outboxCases } from './store-cases-outbox.ts';
import { resultCases } from './store-cases-results.ts';
import { secretCases } from './store-cases-secrets.ts';
import { steerCases } from './store-cases-steer.ts';
import { sweepCases } from './store-cases-sweep.ts';
import { StoreBench, type OpenStore, type StoreCase } from './store-bench.ts';

const groups: Readonly<Record<string, readonly StoreCase[]>> = {
  accept: acceptCases,
  'claim at accept': atAcceptCases,
  claim: claimCases,
  attempts: attemptCases,
  leases: leaseCases,
  sweep: sweepCases,
  steer: steerCases,
  results: resultCases,
  logs: logCases,
  list: listCases,
  notes: noteCases,
  keep: keepCases,
  outbox: outboxCases,
  'outbox endpoints': outboxEndpointCases,
  'delivery claim': deliveryClaimCases,
  'delivery turns': deliveryTurnCases,
  'delivery settle': deliverySettleCases,
  'delivery sweep': deliverySweepCases,
  'delivery steer': deliverySteerCases,
  'delivery list': deliveryListCases,
  'delivery keep': deliveryKeepCases,
  endpoints: endpointCases,
  handshakes: handshakeCases,
  secrets: secretCases,
};

/**
 * The specification of Store as node:test cases: call it in a test file of a store. Every case gets
 * a fresh store from `open` and ends with a recount of all counters. `skip` names cases by title,
 * each with the reason; a title that does not exist fails, so that a skip cannot outlive its case.
 */
export function exerciseStore(p: {
  readonly name: string;
  readonly open: OpenStore;
  readonly skip?: Readonly<Record<string, string>>;
}): void {
  const skip = p.skip ?? {};
  describe(p.name, () => {
    const titles = new Set<string>();
    for (const [group, cases] of Object.entries(groups)) {
      describe(group, () => {
        for (const storeCase of cases) {
          assert.ok(!titles.has(storeCase.title), `two cases are called: ${storeCase.title}`);
          titles.add(storeCase.title);
          it(storeCase.title, { skip: skip[storeCase.title] ?? false }, async (t) => {
            const opened = await p.open();
            const bench = new StoreBench(opened);
            try {
              const missing = missingFor(storeCase, bench);
              if (missing !== null) {
                t.skip(missing);
                return;
              }
              assert.ok(
                storeCase.durable === undefined || bench.reopen !== null,
                'a store whose `capabilities.durable` is true is opened with `reopen`',
              );
              await storeCase.run(bench);
              if (!bench.closed) await bench.assertCountersExact();
            } finally {
              await opened.close();
            }
          });
        }
      });
    }
    after(() => {
      for (const title of Object.keys(skip)) {
        assert.ok(titles.has(title), `no case is called: ${title}`);
      }
    });
  });
}

/** What the case needs and the store lacks; null: nothing. */
function missingFor(storeCase: StoreCase, { store }: StoreBench): string | null {
  if (storeCase.durable === true && !store.capabilities.durable) return 'the store is not durable';
  const needsClaims = storeCase.needsClaimsAtAccept === true;
  return needsClaims && !store.capabilities.claimsAtAccept ? 'it claims nothing at accept' : null;
}
