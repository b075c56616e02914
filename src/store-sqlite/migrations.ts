import {
  handshakesAndAttempts,
  plainChecksAndChains,
  unwrittenClaims,
  webhookTables,
} from './webhook-tables.ts';

/**
 * The schema, as numbered steps that only go forward. Each step runs in one transaction together
 * with its user_version. A released step is never edited; a test compares a fresh file with a
 * migrated one.
 *
 * Layout:
 * - `operations` is a rowid table: rowids make the secondary indexes small, and rows of some
 *   hundred bytes would spoil the fan-out of a WITHOUT ROWID tree. Times and counters come first,
 *   texts last, so that a status read does not walk past them.
 * - Every hot index is partial: a finished operation is only in the one for its expiry, so a
 *   million finished rows make a claim neither slower nor larger.
 * - An UPDATE writes its whole row again, so large values that never change are stored apart:
 *   inputs over `inlineInputChars`, results over limits.resultInlineBytes in chunks.
 * - `give_up_at` is the earlier of wait_until and deadline_at while no attempt runs, else NULL.
 * - `tasks` holds the counters, written once per commit (ledger.ts).
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

/**
 * oldestPendingAt now uses the index of ready operations (ledger.ts); parked ones need an index of
 * their own.
 */
const step3 = `
DROP INDEX operations_oldest;
CREATE INDEX operations_parked_oldest
  ON operations (task, ready_at)
  WHERE state = 'parked';
`;

/**
 * Notes record when they were written and can be listed. Before, they were in `meta`, under names
 * with a prefix.
 */
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

/** Log lines of handlers in chunks, by the number of the first line of each. */
const step6 = `
CREATE TABLE log_chunks (
  operation_seq INTEGER NOT NULL,
  position INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  writer_token TEXT NOT NULL,
  writer_lines INTEGER NOT NULL,
  text TEXT NOT NULL,
  CHECK (position > 0 AND lines > 0)
) STRICT;
CREATE UNIQUE INDEX log_chunks_position
  ON log_chunks (operation_seq, position);
`;

/** The steps in order; the user_version of a file is the number of steps it has taken. */
export const migrations: readonly string[] = [
  step1,
  webhookTables,
  step3,
  step4,
  handshakesAndAttempts,
  step6,
  plainChecksAndChains,
  unwrittenClaims,
];

export const schemaVersion = migrations.length;
