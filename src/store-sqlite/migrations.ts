/**
 * The schema, as numbered steps that only go forward. Each step runs in one transaction together with its
 * user_version. A released step is never edited; a test compares a fresh file with a migrated one.
 *
 * Layout:
 * - `operations` is a rowid table: rowids make the secondary indexes small, and rows of some hundred
 *   bytes would spoil the fan-out of a WITHOUT ROWID tree. Times and counters stand first, texts last,
 *   so that a status read does not walk past them.
 * - Every hot index is partial: an operation that has ended is in none but the one for its expiry, so a
 *   million finished rows make a claim neither slower nor larger.
 * - An UPDATE writes its whole row again, so what is large and never changes stands apart: inputs over
 *   `inlineInputChars`, results over limits.resultInlineBytes in chunks.
 * - `give_up_at` is the earlier of wait_until and deadline_at while no attempt runs, else NULL.
 * - `tasks` holds the counters, written once per commit (ledger.ts).
 *
 * Webhooks, likewise:
 * - What has ended is in none of the hot indexes of `deliveries`, and an endpoint that has nothing to send, or may
 *   send nothing, is in none of `endpoints`. `lane`, `first_at`, `first_id` and `open_at` say where an endpoint
 *   stands in the order of claims; they follow from its deliveries, its health and the slots of its origin, and are
 *   written with every commit that changes those (endpoint-ledger.ts). So a claim is one range of endpoints_open and
 *   a few rows of each.
 * - Bodies stand apart, as they never change: with 1,500 bytes in the row a claim and a settlement log 1.7 times
 *   as many pages at 16 a commit, 2.8 times at 64.
 * - An attempt gets its row when it has ended; until then the delivery tells it (`attempt_started_at`). That saves
 *   one write of two.
 * - A removed endpoint stays, out of sight, for its last deliveries. `is_behind`: some of its deliveries are still to
 *   be held, released or cancelled, as there were more than one commit changes.
 */
const step1 = `
CREATE TABLE operations (
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  task TEXT NOT NULL,
  state TEXT NOT NULL,
  version INTEGER NOT NULL DEFAULT 1,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER,
  expires_at INTEGER,
  retention_ms INTEGER NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  attempts_max INTEGER NOT NULL,
  recoveries INTEGER NOT NULL DEFAULT 0,
  attempt_started_at INTEGER,
  lease_expires_at INTEGER,
  lease_token TEXT,
  lease_worker TEXT,
  priority INTEGER NOT NULL,
  ready_at INTEGER NOT NULL,
  wait_until INTEGER,
  deadline_at INTEGER,
  give_up_at INTEGER,
  cancel_requested_at INTEGER,
  concurrency_key TEXT,
  tenant TEXT NOT NULL,
  retry_of TEXT,
  traceparent TEXT,
  labels TEXT,
  progress TEXT,
  error_code TEXT,
  error TEXT,
  result_type TEXT,
  result_name TEXT,
  result_size INTEGER,
  result_etag TEXT,
  result_inline TEXT,
  input TEXT,
  CHECK (
    CASE state
      WHEN 'ready' THEN
        lease_expires_at IS NULL AND finished_at IS NULL
      WHEN 'running' THEN
        lease_expires_at IS NOT NULL AND lease_token IS NOT NULL AND lease_worker IS NOT NULL
        AND attempt_started_at IS NOT NULL AND finished_at IS NULL AND give_up_at IS NULL
      WHEN 'completed' THEN
        lease_expires_at IS NULL AND lease_token IS NULL AND give_up_at IS NULL
        AND finished_at IS NOT NULL AND expires_at IS NOT NULL
        AND result_type IS NOT NULL AND error IS NULL
      WHEN 'failed' THEN
        lease_expires_at IS NULL AND lease_token IS NULL AND give_up_at IS NULL
        AND finished_at IS NOT NULL AND expires_at IS NOT NULL
        AND result_type IS NULL AND error IS NOT NULL AND error_code IS NOT NULL
      WHEN 'scheduled' THEN
        lease_expires_at IS NULL AND finished_at IS NULL
      WHEN 'parked' THEN
        lease_expires_at IS NULL AND finished_at IS NULL AND concurrency_key IS NOT NULL
      ELSE FALSE
    END
  )
) STRICT;

CREATE INDEX operations_ready
  ON operations (task, priority DESC, ready_at, id)
  WHERE state = 'ready';
CREATE INDEX operations_scheduled
  ON operations (task, ready_at)
  WHERE state = 'scheduled';
CREATE INDEX operations_parked
  ON operations (task, concurrency_key, priority DESC, ready_at, id)
  WHERE state = 'parked';
CREATE INDEX operations_running
  ON operations (lease_expires_at)
  WHERE lease_expires_at IS NOT NULL;
CREATE INDEX operations_giving_up
  ON operations (give_up_at)
  WHERE give_up_at IS NOT NULL;
CREATE INDEX operations_oldest
  ON operations (task, created_at)
  WHERE state IN ('ready', 'parked');
CREATE INDEX operations_failed
  ON operations (id)
  WHERE state = 'failed';
CREATE INDEX operations_expiry
  ON operations (expires_at)
  WHERE expires_at IS NOT NULL;

CREATE TABLE inputs (
  operation_seq INTEGER PRIMARY KEY,
  input TEXT NOT NULL
) STRICT;

CREATE TABLE result_chunks (
  operation_seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX result_chunks_position
  ON result_chunks (operation_seq, position);

CREATE TABLE attempts (
  seq INTEGER PRIMARY KEY,
  operation_seq INTEGER NOT NULL,
  number INTEGER NOT NULL,
  worker TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  retry_at INTEGER,
  error TEXT,
  CHECK (outcome IN ('failed', 'lost', 'released'))
) STRICT;
CREATE INDEX attempts_operation
  ON attempts (operation_seq, seq);

CREATE TABLE idempotency_keys (
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  operation_id TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_expiry
  ON idempotency_keys (expires_at);

CREATE TABLE gone_ids (
  id TEXT PRIMARY KEY,
  gone_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX gone_ids_expiry
  ON gone_ids (gone_until);

CREATE TABLE tasks (
  task TEXT PRIMARY KEY,
  paused INTEGER NOT NULL DEFAULT 0,
  pending INTEGER NOT NULL DEFAULT 0,
  processing INTEGER NOT NULL DEFAULT 0,
  completed INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  mean_duration_ms REAL,
  CHECK (paused IN (0, 1)),
  CHECK (pending >= 0 AND processing >= 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

const step2 = `
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

/** oldestPendingAt asks the index of the ready ones (ledger.ts); of the parked ones it needs its own. */
const step3 = `
DROP INDEX operations_oldest;
CREATE INDEX operations_parked_oldest
  ON operations (task, ready_at)
  WHERE state = 'parked';
`;

/** Notes say when they were written and can be listed; they stood in `meta`, under names with a prefix. */
const step4 = `
CREATE TABLE notes (
  name TEXT PRIMARY KEY,
  text TEXT NOT NULL,
  written_at INTEGER NOT NULL
) STRICT;
INSERT INTO notes (name, text, written_at)
SELECT substr(name, 6), value, 0
FROM meta
WHERE name >= 'note.' AND name < 'note/';
DELETE FROM meta
WHERE name >= 'note.' AND name < 'note/';
`;

/** In order; the user_version of a file is the number of steps it has taken. */
export const migrations: readonly string[] = [step1, step2, step3, step4];

export const schemaVersion = migrations.length;
