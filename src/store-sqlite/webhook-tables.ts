/**
 * The steps of migrations.ts for webhooks:
 *
 * - A finished delivery is in none of the hot indexes of `deliveries`, and an endpoint that has
 *   nothing to send, or may send nothing, is in none of those of `endpoints`. `lane`, `first_at`,
 *   `first_id` and `open_at` say where an endpoint stands in the order of claims. They follow from
 *   its deliveries, its health and the slots of its origin, and are written with every commit that
 *   changes those (endpoint-ledger.ts). So a claim is one range of endpoints_open and a few rows of
 *   each.
 * - Bodies are stored apart, because they never change: with 1,500 bytes in the row a claim and a
 *   settlement log 1.7 times as many pages at 16 a commit, 2.8 times at 64.
 * - An attempt gets its row when it has ended; until then it is in the delivery's row
 *   (`attempt_started_at`). That saves one write of two.
 * - A removed endpoint stays, out of sight, for its last deliveries. `is_behind`: some of its
 *   deliveries are still to be held, released or cancelled, because there were more than one commit
 *   changes.
 */
const deliveryIndexes = `
CREATE INDEX deliveries_pending
  ON deliveries (endpoint_seq, next_at, id, expires_at)
  WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_sending
  ON deliveries (lease_expires_at)
  WHERE lease_expires_at IS NOT NULL;
CREATE INDEX deliveries_held
  ON deliveries (endpoint_seq, id)
  WHERE state = 'held';
CREATE INDEX deliveries_unfinished
  ON deliveries (expires_at, finished_at)
  WHERE finished_at IS NULL;
CREATE INDEX deliveries_dead
  ON deliveries (id)
  WHERE state = 'dead';
CREATE INDEX deliveries_dead_of_endpoint
  ON deliveries (endpoint_seq, id)
  WHERE state = 'dead';
CREATE INDEX deliveries_of_endpoint
  ON deliveries (endpoint_seq, id);
CREATE INDEX deliveries_of_operation
  ON deliveries (operation_id, id)
  WHERE operation_id IS NOT NULL;
CREATE INDEX deliveries_removal
  ON deliveries (remove_at)
  WHERE remove_at IS NOT NULL;
`;

export const webhookTables = `
ALTER TABLE operations ADD COLUMN webhook TEXT;

CREATE TABLE endpoints (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  lane TEXT NOT NULL,
  first_at INTEGER,
  first_id TEXT,
  open_at INTEGER,
  is_behind INTEGER NOT NULL DEFAULT 0,
  removed_at INTEGER,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  disabled_at INTEGER,
  disabled_reason TEXT,
  circuit TEXT NOT NULL,
  failures INTEGER NOT NULL,
  first_failed_delivery TEXT,
  several_failed INTEGER NOT NULL,
  probes INTEGER NOT NULL,
  gate_at INTEGER,
  gate_reason TEXT,
  in_flight_max INTEGER NOT NULL,
  failing_since INTEGER,
  last_success_at INTEGER,
  last_failure_at INTEGER,
  tenant TEXT NOT NULL,
  origin TEXT NOT NULL,
  url TEXT NOT NULL,
  events TEXT NOT NULL,
  tasks TEXT,
  headers TEXT,
  description TEXT,
  CHECK (
    kind IN ('registered', 'request')
    AND is_behind IN (0, 1) AND several_failed IN (0, 1)
    AND (disabled_at IS NULL) = (disabled_reason IS NULL)
    AND (gate_at IS NULL) = (gate_reason IS NULL)
    AND circuit IN ('closed', 'open')
    AND CASE lane
      WHEN 'idle' THEN first_at IS NULL AND first_id IS NULL AND open_at IS NULL
      WHEN 'open' THEN first_at IS NOT NULL AND first_id IS NOT NULL AND open_at IS NULL
      WHEN 'parked' THEN first_at IS NOT NULL AND first_id IS NOT NULL AND open_at IS NULL
      WHEN 'gated' THEN first_at IS NOT NULL AND first_id IS NOT NULL AND open_at IS NOT NULL
      ELSE FALSE
    END
    AND (lane = 'idle' OR disabled_at IS NULL AND removed_at IS NULL)
  )
) STRICT;

CREATE INDEX endpoints_open
  ON endpoints (first_at, first_id)
  WHERE lane = 'open';
CREATE INDEX endpoints_gated
  ON endpoints (open_at)
  WHERE lane = 'gated';
CREATE INDEX endpoints_parked
  ON endpoints (origin, first_at, first_id)
  WHERE lane = 'parked';
CREATE INDEX endpoints_behind
  ON endpoints (seq)
  WHERE is_behind = 1;
CREATE INDEX endpoints_tenant
  ON endpoints (tenant, id)
  WHERE removed_at IS NULL;
CREATE INDEX endpoints_registered
  ON endpoints (tenant, id)
  WHERE kind = 'registered' AND removed_at IS NULL;
CREATE UNIQUE INDEX endpoints_request
  ON endpoints (tenant, url)
  WHERE kind = 'request' AND removed_at IS NULL;

CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  endpoint_seq INTEGER NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  failures_max INTEGER NOT NULL,
  next_at INTEGER,
  expires_at INTEGER NOT NULL,
  finished_at INTEGER,
  remove_at INTEGER,
  attempt_started_at INTEGER,
  lease_expires_at INTEGER,
  lease_token TEXT,
  lease_worker TEXT,
  trigger TEXT NOT NULL,
  last_status INTEGER,
  last_error TEXT,
  next_reason TEXT,
  tenant TEXT NOT NULL,
  event TEXT NOT NULL,
  operation_id TEXT,
  url TEXT NOT NULL,
  CHECK (
    trigger IN ('schedule', 'manual', 'redrive')
    AND (next_at IS NULL) = (next_reason IS NULL)
    AND CASE state
      WHEN 'pending' THEN
        next_at IS NOT NULL AND lease_expires_at IS NULL AND finished_at IS NULL AND remove_at IS NULL
      WHEN 'sending' THEN
        next_at IS NULL AND lease_expires_at IS NOT NULL AND lease_token IS NOT NULL
        AND lease_worker IS NOT NULL AND attempt_started_at IS NOT NULL
        AND finished_at IS NULL AND remove_at IS NULL
      WHEN 'held' THEN
        next_at IS NULL AND lease_expires_at IS NULL AND finished_at IS NULL AND remove_at IS NULL
      ELSE
        state IN ('delivered', 'dead', 'cancelled', 'expired')
        AND next_at IS NULL AND lease_expires_at IS NULL AND lease_token IS NULL
        AND finished_at IS NOT NULL AND remove_at IS NOT NULL
    END
  )
) STRICT;

${deliveryIndexes}
CREATE TABLE delivery_bodies (
  delivery_seq INTEGER PRIMARY KEY,
  body TEXT NOT NULL,
  headers TEXT,
  secret TEXT
) STRICT;

CREATE TABLE delivery_attempts (
  seq INTEGER PRIMARY KEY,
  delivery_seq INTEGER NOT NULL,
  number INTEGER NOT NULL,
  trigger TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT,
  detail TEXT,
  next_at INTEGER,
  next_reason TEXT,
  timings TEXT,
  answer TEXT,
  CHECK (outcome IN ('delivered', 'failed', 'unknown'))
) STRICT;
CREATE UNIQUE INDEX delivery_attempts_number
  ON delivery_attempts (delivery_seq, number);

CREATE TABLE webhook_secrets (
  seq INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  value TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE INDEX webhook_secrets_owner
  ON webhook_secrets (owner, seq);
CREATE INDEX webhook_secrets_expiry
  ON webhook_secrets (expires_at)
  WHERE expires_at IS NOT NULL;
`;

/**
 * Adds an endpoint's answer to the consent handshake. An attempt's key becomes the seq of its
 * delivery and its own number in one integer (seq << 20 | number), which saves an index that every
 * attempt had to write.
 */
export const handshakesAndAttempts = `
ALTER TABLE endpoints ADD COLUMN handshake TEXT;

ALTER TABLE delivery_attempts RENAME TO former_attempts;
CREATE TABLE delivery_attempts (
  seq INTEGER PRIMARY KEY,
  trigger TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT,
  detail TEXT,
  next_at INTEGER,
  next_reason TEXT,
  timings TEXT,
  answer TEXT,
  CHECK (outcome IN ('delivered', 'failed', 'unknown'))
) STRICT;
INSERT INTO delivery_attempts
SELECT delivery_seq << 20 | number, trigger, worker, started_at, ended_at, outcome, error, detail, next_at,
  next_reason, timings, answer
FROM former_attempts
ORDER BY delivery_seq, number;
DROP TABLE former_attempts;
`;

/**
 * Removes each `IN (…)` of three or more from the CHECKs: SQLite makes a tree in memory of each
 * such list for every row that is written, which was four for each delivery.
 *
 * Attempts are stored in the order in which they ended. Each refers to the attempt before it of its
 * delivery (`previous`), and the delivery to its latest (`last_attempt`), so a new one goes to the
 * end of the table, not among the others. Existing attempts keep their seq.
 */
export const plainChecksAndChains = `
ALTER TABLE deliveries RENAME TO former_deliveries;
CREATE TABLE deliveries (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  endpoint_seq INTEGER NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  failures INTEGER NOT NULL,
  failures_max INTEGER NOT NULL,
  next_at INTEGER,
  expires_at INTEGER NOT NULL,
  finished_at INTEGER,
  remove_at INTEGER,
  attempt_started_at INTEGER,
  lease_expires_at INTEGER,
  lease_token TEXT,
  lease_worker TEXT,
  trigger TEXT NOT NULL,
  last_status INTEGER,
  last_error TEXT,
  next_reason TEXT,
  tenant TEXT NOT NULL,
  event TEXT NOT NULL,
  operation_id TEXT,
  url TEXT NOT NULL,
  last_attempt INTEGER,
  CHECK (
    (trigger = 'schedule' OR trigger = 'manual' OR trigger = 'redrive')
    AND (next_at IS NULL) = (next_reason IS NULL)
    AND CASE state
      WHEN 'pending' THEN
        next_at IS NOT NULL AND lease_expires_at IS NULL AND finished_at IS NULL AND remove_at IS NULL
      WHEN 'sending' THEN
        next_at IS NULL AND lease_expires_at IS NOT NULL AND lease_token IS NOT NULL
        AND lease_worker IS NOT NULL AND attempt_started_at IS NOT NULL
        AND finished_at IS NULL AND remove_at IS NULL
      WHEN 'held' THEN
        next_at IS NULL AND lease_expires_at IS NULL AND finished_at IS NULL AND remove_at IS NULL
      ELSE
        (state = 'delivered' OR state = 'dead' OR state = 'cancelled' OR state = 'expired')
        AND next_at IS NULL AND lease_expires_at IS NULL AND lease_token IS NULL
        AND finished_at IS NOT NULL AND remove_at IS NOT NULL
    END
  )
) STRICT;
INSERT INTO deliveries
SELECT *, (
    SELECT max(seq)
    FROM delivery_attempts
    WHERE seq > former_deliveries.seq << 20
      AND seq < (former_deliveries.seq + 1) << 20
  )
FROM former_deliveries
ORDER BY seq;
DROP TABLE former_deliveries;
${deliveryIndexes}
ALTER TABLE delivery_attempts RENAME TO former_attempts;
CREATE TABLE delivery_attempts (
  seq INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  previous INTEGER,
  trigger TEXT NOT NULL,
  worker TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  error TEXT,
  detail TEXT,
  next_at INTEGER,
  next_reason TEXT,
  timings TEXT,
  answer TEXT,
  CHECK (outcome = 'delivered' OR outcome = 'failed' OR outcome = 'unknown')
) STRICT;
INSERT INTO delivery_attempts
SELECT seq, seq & ((1 << 20) - 1), (
    SELECT max(earlier.seq)
    FROM former_attempts AS earlier
    WHERE earlier.seq > former_attempts.seq >> 20 << 20
      AND earlier.seq < former_attempts.seq
  ), trigger, worker, started_at, ended_at, outcome, error, detail, next_at, next_reason, timings, answer
FROM former_attempts
ORDER BY seq;
DROP TABLE former_attempts;
`;

/**
 * Claims whose deliveries are not all written yet; `members` holds the seq of each delivery and the
 * version that the claim gave it.
 */
export const unwrittenClaims = `
CREATE TABLE delivery_claims (
  seq INTEGER PRIMARY KEY,
  claimed_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  worker TEXT NOT NULL,
  members TEXT NOT NULL
) STRICT;
`;
