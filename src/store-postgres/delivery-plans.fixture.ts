import type { DeliveryFilter } from '../store/delivery-store.ts';
import {
  heldOfEndpointSql,
  moveHeldSql,
  movePendingSql,
  pendingOfEndpointSql,
} from './delivery-align.ts';
import {
  keptOfDeliveriesSql,
  lockDeliveryClaimsSql,
  nextGatedSql,
  nextOpenSql,
  placesAheadSql,
  placesOverSql,
} from './delivery-claim.ts';
import { siblingsSql, thereSql } from './delivery-create.ts';
import { laneDueSql, laneTooFarSql, openEndpointsSql, openTooFarSql } from './delivery-lanes.ts';
import { countUnfinishedSql } from './delivery-list.ts';
import {
  deliverySizesSql,
  removableDeliveriesSql,
  withoutDeliveriesSql,
} from './delivery-prune.ts';
import {
  listDeliveryAttemptsSql,
  operationDeliverySql,
  readDeliverySql,
} from './delivery-reads.ts';
import {
  behindSql,
  expiredDeliveriesSql,
  lapsedDeliveriesSql,
  tooFarDeliveriesSql,
} from './delivery-sweep.ts';
import { selectDeliveriesSql, updateDeliveriesSql } from './deliveries.ts';
import {
  lockEndpointsSql,
  lockFreeEndpointsSql,
  updateEndpointsSql,
  updatePlacesSql,
} from './endpoint-ledger.ts';
import { placesSql } from './endpoint-place.ts';
import {
  countRegisteredSql,
  listEndpointsSql,
  listRegisteredSql,
  listRequestSql,
  readEndpointSql,
} from './endpoints.ts';
import { countInFlightSql } from './in-flight.ts';
import { registeredOfOperationsSql, registeredOfTenantsSql } from './outbox.ts';
import { expiredSecretsSql, selectSecretsSql } from './secrets.ts';

/** The hot statements about webhooks, and what their plans must contain, as in plans.test.ts. */
export const hotDeliveryStatements: Readonly<
  Record<string, readonly [sql: string, ...uses: RegExp[]]>
> = {
  'deliveries to change': [selectDeliveriesSql, /Index Scan using deliveries_pkey/],
  'deliveries that are there': [thereSql, /Scan using deliveries_pkey/],
  'deliveries changed': [updateDeliveriesSql, /Index Scan using deliveries_pkey/],
  'a delivery': [readDeliverySql, /Index Scan using deliveries_pkey/],
  'events of an operation': [siblingsSql, /using deliveries_of_operation .*\n.*Index Cond/],
  'the delivery of an operation': [
    operationDeliverySql,
    /Scan Backward using deliveries_of_operation .*\n.*Index Cond: \(operation_id =/,
  ],
  'attempts of a delivery': [
    listDeliveryAttemptsSql,
    /Scan Backward using delivery_attempts_pkey .*\n.*Index Cond/,
  ],
  'endpoints to change': [
    lockEndpointsSql,
    /Index Scan using endpoints_pkey/,
    /using deliveries_pkey/,
    /using endpoints_request .*\n.*Index Cond/,
  ],
  'endpoints that are free': [lockFreeEndpointsSql, /Index Scan using endpoints_pkey/],
  'endpoints changed': [updateEndpointsSql, /Index Scan using endpoints_pkey/],
  'places changed': [updatePlacesSql, /Index Scan using endpoints_pkey/],
  places: [
    placesSql,
    /using deliveries_pending .*\n.*Index Cond: \(endpoint_id =/,
    /Scan Backward using deliveries_pending/,
    /One-Time Filter/,
  ],
  'registered endpoints': [registeredOfTenantsSql, /using endpoints_registered .*\n.*Index Cond/],
  'registered endpoints of operations': [
    registeredOfOperationsSql,
    /using endpoints_registered/,
    /using operations_pkey/,
  ],
  'count of registered': [countRegisteredSql, /using endpoints_registered .*\n.*Index Cond/],
  'claim of deliveries, the lock': [lockDeliveryClaimsSql, /Scan using claim_locks_pkey/],
  'claim of deliveries, in flight': [
    countInFlightSql,
    /using deliveries_sending/,
    /Index Scan using endpoints_pkey/,
  ],
  'claim of deliveries, time': [placesOverSql, /using endpoints_place_until .*\n.*Index Cond/],
  'claim of deliveries, the clock': [placesAheadSql, /using endpoints_place_from .*\n.*Index Cond/],
  'claim of deliveries, endpoints': [
    openEndpointsSql,
    /Index Scan using endpoints_open .*\n.*Index Cond: .*first_at <=/,
  ],
  'claim of deliveries, too far': [
    openTooFarSql,
    /Index Scan using endpoints_open .*\n.*Index Cond: .*first_at >/,
  ],
  'claim of deliveries, due': [
    laneDueSql,
    /Index Scan using deliveries_pending .*\n.*Index Cond: \(\(endpoint_id = .*next_at <=/,
  ],
  'claim of deliveries, due too far': [
    laneTooFarSql,
    /Index Scan using deliveries_pending .*\n.*Index Cond: \(\(endpoint_id = .*next_at >/,
  ],
  'claim of deliveries, bodies': [keptOfDeliveriesSql, /Index Scan using deliveries_pkey/],
  'claim of deliveries, secrets': [selectSecretsSql, /Index Scan using webhook_secrets_pkey/],
  'claim of deliveries, next open': [nextOpenSql, /using endpoints_open .*\n.*Index Cond/],
  'claim of deliveries, next gated': [nextGatedSql, /using endpoints_gated .*\n.*Index Cond/],
  'sweep of deliveries, leases': [
    lapsedDeliveriesSql,
    /using deliveries_sending .*\n.*Index Cond: \(lease_expires_at <=/,
  ],
  'sweep of deliveries, too far': [
    tooFarDeliveriesSql,
    /using deliveries_sending .*\n.*Index Cond: \(lease_expires_at >/,
  ],
  'sweep of deliveries, expired': [
    expiredDeliveriesSql,
    /using deliveries_unfinished .*\n.*Index Cond: \(expires_at <=/,
  ],
  'sweep of deliveries, behind': [behindSql, /using endpoints_behind/],
  'hold, the first': [pendingOfEndpointSql, /using deliveries_pending .*\n.*Index Cond/],
  'release, the first': [heldOfEndpointSql, /using deliveries_held .*\n.*Index Cond/],
  hold: [movePendingSql, /using deliveries_pending/, /using deliveries_pkey/],
  release: [moveHeldSql, /using deliveries_held/, /using deliveries_pkey/],
  'prune of deliveries': [
    removableDeliveriesSql,
    /using deliveries_removal .*\n.*Index Cond: \(remove_at <=/,
  ],
  'prune of deliveries, sizes': [
    deliverySizesSql,
    /using deliveries_pkey/,
    /using delivery_attempts_pkey/,
  ],
  'prune of deliveries, the last one': [
    withoutDeliveriesSql,
    /using deliveries_\w+ .*\n.*Index Cond: \(endpoint_id =/,
  ],
  'prune of secrets': [expiredSecretsSql, /using webhook_secrets_expiry .*\n.*Index Cond/],
  'an endpoint and its counts': [
    readEndpointSql,
    /using endpoints_pkey/,
    /using deliveries_pending/,
    /using deliveries_held/,
    /using deliveries_dead_of_endpoint/,
  ],
  'list of endpoints': [listEndpointsSql, /Backward using endpoints_tenant .*\n.*Index Cond/],
  'list of registered': [listRegisteredSql, /Backward using endpoints_registered .*\n.*Index Cond/],
  'list of others': [listRequestSql, /Backward using endpoints_tenant .*\n.*Index Cond/],
  'count of unfinished': [countUnfinishedSql, /using deliveries_unfinished/],
};

const endpointId = 'ep_00000000000000000000000007';

export const deliveryFilters: Readonly<Record<string, readonly [DeliveryFilter, RegExp]>> = {
  all: [{}, /Scan Backward using deliveries_pkey .*\n.*Index Cond/],
  dead: [{ states: ['dead'] }, /Scan Backward using deliveries_dead .*\n.*Index Cond/],
  'dead of one endpoint': [
    { states: ['dead'], endpointId },
    /Scan Backward using deliveries_dead_of_endpoint .*\n.*Index Cond/,
  ],
  'of one endpoint': [
    { endpointId, tenant: '' },
    /Scan Backward using deliveries_of_endpoint .*\n.*Index Cond/,
  ],
  'of one operation': [
    { operationId: 'op_1', endpointId },
    /Scan Backward using deliveries_of_operation .*\n.*Index Cond/,
  ],
  unfinished: [{ states: ['pending', 'held'] }, /using deliveries_unfinished/],
  'failed since': [{ error: 'timeout', since: 5 }, /Scan Backward using deliveries_pkey/],
};

/** Inserts $1 finished deliveries, every tenth dead, to a tenth as many endpoints. */
export const fillDeliveriesSql = [
  `
INSERT INTO @endpoints
  (id, kind, version, created_at, circuit, failures, several_failed, probes, in_flight_max, tenant,
   origin, url, events)
SELECT 'ep_' || lpad(i::text, 26, '0'), 'request', 1, i, 'closed', 0, FALSE, 0, 1024, '',
  'https://a.example', 'https://a.example/' || i, '[]'
FROM generate_series(0, $1::integer / 10) AS i`,
  `
INSERT INTO @deliveries
  (id, endpoint_id, state, version, created_at, attempts, failures, failures_max, expires_at,
   finished_at, remove_at, trigger, tenant, event, operation_id, url, body)
SELECT 'msg_' || lpad(i::text, 26, '0'), 'ep_' || lpad((i / 10)::text, 26, '0'),
  CASE WHEN i % 10 > 0 THEN 'delivered' ELSE 'dead' END, 3, i, 1, 0, 12, i, i, i + 9e15::bigint, 'schedule', '',
  'operation.completed', 'op_' || lpad(i::text, 26, '0'), 'https://a.example/', '{}'
FROM generate_series(1, $1::integer) AS i`,
] as const;
