import { endpointRowColumns } from './endpoint-rows.ts';

/** What the ledger of endpoints knows beside the record: these follow from deliveries, slots and health. */
const derivedColumns = 'removed_at, is_behind, lane, first_at, first_id, open_at';

export const selectEndpointBySeqSql = `
SELECT ${endpointRowColumns}, ${derivedColumns}
FROM endpoints
WHERE seq = ?`;

export const selectEndpointSql = `
SELECT ${endpointRowColumns}, ${derivedColumns}
FROM endpoints
WHERE id = ?`;

export const selectRequestEndpointSql = `
SELECT seq
FROM endpoints
WHERE kind = 'request'
  AND removed_at IS NULL
  AND tenant = ?
  AND url = ?`;

export const insertEndpointSql = `
INSERT INTO endpoints
  (version, disabled_at, disabled_reason, circuit, failures, first_failed_delivery, several_failed, probes,
   gate_at, gate_reason, in_flight_max, failing_since, last_success_at, last_failure_at, origin, url, events,
   tasks, headers, description, handshake, id, kind, tenant, created_at, lane)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'idle')`;

const healthColumns = `circuit = ?,
    failures = ?,
    first_failed_delivery = ?,
    several_failed = ?,
    probes = ?,
    gate_at = ?,
    gate_reason = ?,
    in_flight_max = ?,
    failing_since = ?,
    last_success_at = ?,
    last_failure_at = ?`;

const placeColumns = `lane = ?,
    first_at = ?,
    first_id = ?,
    open_at = ?`;

export const updateEndpointSql = `
UPDATE endpoints
SET version = ?,
    disabled_at = ?,
    disabled_reason = ?,
    ${healthColumns},
    origin = ?,
    url = ?,
    events = ?,
    tasks = ?,
    headers = ?,
    description = ?,
    handshake = ?,
    removed_at = ?,
    is_behind = ?,
    ${placeColumns}
WHERE seq = ?`;

/** Touches no index; the columns of updateEndpointSql do, whether they change or not. */
export const updateHealthSql = `
UPDATE endpoints
SET ${healthColumns}
WHERE seq = ?`;

export const reviveEndpointSql = `
UPDATE endpoints
SET kind = ?,
    tenant = ?,
    created_at = ?
WHERE seq = ?`;

export const updatePlaceSql = `
UPDATE endpoints
SET ${placeColumns}
WHERE seq = ?`;

export const deleteEndpointSql = `
DELETE FROM endpoints
WHERE seq = ?`;

export const countParkedSql = `
SELECT origin, count(*)
FROM endpoints
WHERE lane = 'parked'
GROUP BY origin`;
