import type { Database, Transaction } from './connection.ts';
import { RaincheckError } from '../core/errors.ts';
import { LostRace, sqlState } from './postgres-error.ts';
import { webhookTables } from './webhook-tables.ts';

/**
 * The schema, as numbered steps that only go forward. Each runs in one transaction together with
 * its number in `schema_version`; a lock on that table lets ten nodes start at once. A released
 * step is never edited; a test compares a fresh schema with a migrated one.
 *
 * **Rolling upgrade**: the code of the release before must work on the schema that a step leaves,
 * so steps add only new tables, new columns with a default and new indexes. A node refuses a schema
 * that is further ahead than the version it knows plus `versionsAhead`.
 *
 * Layout:
 * - Each operation has one wide row in `operations`, with partial indexes: a finished operation is
 *   only in those for its id and its expiry.
 * - While it waits it also has a narrow row in `queue`, which claims look at. A partial index of
 *   the ready operations would not do: every claim leaves a dead entry at its head, which all later
 *   claims walk past until VACUUM, and a VACUUM of `operations` reads the ids of all that ever
 *   finished. Measured: 90,000 operations after the last VACUUM, a claim read 1,500 pages and took
 *   4 to 10 ms. `queue` is small, and vacuum.ts cleans it in some ms. It costs an insert and a
 *   delete (bench/postgres-layout.ts).
 * - Only one index of `queue` fits the query of a claim, whatever the planner believes.
 *   `queue_oldest` is on an expression, because otherwise it would fit too, with a sort of all
 *   ready rows.
 * - A changed row is written anew, so large values that never change must not be in it: texts over
 *   some hundred bytes go out of line (TOAST), where they stay as they are; results over
 *   limits.resultInlineBytes are stored in chunks.
 * - Texts compare as bytes (COLLATE "C"): ids sort as they do everywhere else, and faster.
 * - `give_up_at` is the earlier of wait_until and deadline_at while no attempt runs, else NULL.
 * - `tasks` holds the counters, written once a commit. `slots` counts the attempts of a concurrency
 *   key, which makes its limit exact over nodes, since a claim locks the row. `claim_locks` does
 *   the same for a task, and its row '' for deliveries.
 * - A delivery changes only under the row lock of its endpoint, so that two transactions never
 *   write at once its lease, the health of the endpoint or the endpoint's place in the order of
 *   claims (endpoint-place.ts).
 * - Rows change often: fillfactor leaves room for the next version of a row on its page, and
 *   autovacuum comes after some thousand changes instead of a fifth of the table.
 */
const step1 = `
CREATE TABLE @operations (
  id text COLLATE "C" PRIMARY KEY,
  task text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  version integer NOT NULL DEFAULT 1,
  created_at bigint NOT NULL,
  started_at bigint,
  finished_at bigint,
  expires_at bigint,
  retention_ms bigint NOT NULL,
  attempt integer NOT NULL DEFAULT 0,
  attempts_max integer NOT NULL,
  recoveries integer NOT NULL DEFAULT 0,
  attempt_started_at bigint,
  lease_expires_at bigint,
  lease_token text COLLATE "C",
  lease_worker text COLLATE "C",
  priority integer NOT NULL,
  ready_at bigint NOT NULL,
  wait_until bigint,
  deadline_at bigint,
  give_up_at bigint,
  cancel_requested_at bigint,
  concurrency_key text COLLATE "C",
  tenant text COLLATE "C" NOT NULL,
  retry_of text COLLATE "C",
  traceparent text COLLATE "C",
  labels text COLLATE "C",
  progress text COLLATE "C",
  error_code text COLLATE "C",
  error text COLLATE "C",
  result_type text COLLATE "C",
  result_name text COLLATE "C",
  result_size bigint,
  result_etag text COLLATE "C",
  result_inline text COLLATE "C",
  webhook text COLLATE "C",
  input text COLLATE "C" NOT NULL,
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
) WITH (
  fillfactor = 90,
  toast_tuple_target = 512,
  autovacuum_vacuum_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_analyze_scale_factor = 0.02
);

CREATE INDEX operations_running
  ON @operations (lease_expires_at)
  WHERE lease_expires_at IS NOT NULL;
CREATE INDEX operations_giving_up
  ON @operations (give_up_at)
  WHERE give_up_at IS NOT NULL;
CREATE INDEX operations_failed
  ON @operations (id)
  WHERE state = 'failed';
CREATE INDEX operations_expiry
  ON @operations (expires_at)
  WHERE expires_at IS NOT NULL;

CREATE TABLE @queue (
  id text COLLATE "C" PRIMARY KEY,
  task text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL,
  priority integer NOT NULL,
  ready_at bigint NOT NULL,
  concurrency_key text COLLATE "C",
  CHECK (state IN ('scheduled', 'ready', 'parked'))
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000
);
CREATE INDEX queue_ready
  ON @queue (task, priority DESC, ready_at, id)
  WHERE state = 'ready';
CREATE INDEX queue_scheduled
  ON @queue (task, ready_at)
  WHERE state = 'scheduled';
CREATE INDEX queue_parked
  ON @queue (task, concurrency_key, priority DESC, ready_at, id)
  WHERE state = 'parked';
CREATE INDEX queue_oldest
  ON @queue ((task || ''), ready_at)
  WHERE state IN ('ready', 'parked');

CREATE TABLE @result_chunks (
  operation_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (operation_id, position)
);
ALTER TABLE @result_chunks ALTER COLUMN bytes SET STORAGE EXTERNAL;

CREATE TABLE @attempts (
  seq bigint GENERATED ALWAYS AS IDENTITY,
  operation_id text COLLATE "C" NOT NULL,
  number integer NOT NULL,
  worker text COLLATE "C" NOT NULL,
  started_at bigint NOT NULL,
  ended_at bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  retry_at bigint,
  error text COLLATE "C",
  PRIMARY KEY (operation_id, seq),
  CHECK (outcome IN ('failed', 'lost', 'released'))
);

CREATE TABLE @idempotency_keys (
  scope text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  fingerprint text COLLATE "C" NOT NULL,
  operation_id text COLLATE "C" NOT NULL,
  expires_at bigint NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_expiry
  ON @idempotency_keys (expires_at);

CREATE TABLE @gone_ids (
  id text COLLATE "C" PRIMARY KEY,
  gone_until bigint NOT NULL
);
CREATE INDEX gone_ids_expiry
  ON @gone_ids (gone_until);

CREATE TABLE @tasks (
  task text COLLATE "C" PRIMARY KEY,
  paused boolean NOT NULL DEFAULT FALSE,
  pending bigint NOT NULL DEFAULT 0,
  processing bigint NOT NULL DEFAULT 0,
  completed bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  mean_duration_ms double precision,
  CHECK (pending >= 0 AND processing >= 0)
) WITH (
  fillfactor = 10,
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 1000
);

CREATE TABLE @claim_locks (
  task text COLLATE "C" PRIMARY KEY,
  key_concurrency_checked integer NOT NULL DEFAULT -1
) WITH (fillfactor = 50);
INSERT INTO @claim_locks (task)
VALUES ('');

CREATE TABLE @slots (
  task text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  running integer NOT NULL DEFAULT 0,
  parked integer NOT NULL DEFAULT 0,
  needs_check boolean NOT NULL DEFAULT FALSE,
  PRIMARY KEY (task, key),
  CHECK (running >= 0 AND parked >= 0)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 2000
);
CREATE INDEX slots_to_check
  ON @slots (task, key)
  WHERE needs_check;

CREATE TABLE @meta (
  name text COLLATE "C" PRIMARY KEY,
  value bigint NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE @notes (
  name text COLLATE "C" PRIMARY KEY,
  text text NOT NULL
);
${webhookTables}`;

/**
 * Adds three things. Notes record when they were written; the release before writes them without
 * it, and then it is when the note was first written, or when this step ran. Endpoints keep their
 * answer to the consent handshake, which the release before leaves unchanged. Log lines of handlers
 * are stored in chunks, by the number of the first line of each.
 */
const step2 = `
ALTER TABLE @notes
  ADD COLUMN written_at bigint NOT NULL
  DEFAULT (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
ALTER TABLE @endpoints ADD COLUMN handshake text;
CREATE TABLE @log_chunks (
  operation_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  lines integer NOT NULL,
  writer_token text COLLATE "C" NOT NULL,
  writer_lines bigint NOT NULL,
  text text NOT NULL,
  PRIMARY KEY (operation_id, position),
  CHECK (position > 0 AND lines > 0)
) WITH (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 2000
);
`;

/** The steps in order; the version of a schema is the number of steps it has taken. */
export const migrations: readonly string[] = [step1, step2];

/**
 * How many versions a schema may be ahead of this code, as newer nodes of a rolling upgrade make
 * it.
 */
const versionsAhead = 1;

const makeVersionTableSql = `
CREATE TABLE IF NOT EXISTS @schema_version (version integer NOT NULL)`;

const lockSql = `
LOCK TABLE @schema_version IN SHARE ROW EXCLUSIVE MODE`;

const readVersionSql = `
SELECT version
FROM @schema_version`;

/** PostgreSQL 15. Older versions are untested: they lack MERGE, and their security fixes end. */
const serverVersionMin = 150_000;

/**
 * Brings the schema up to date. Throws `store_incompatible` for a server that is too old, a schema
 * that is not ours or too new, and a role that may not create or change it.
 */
export async function migrate(database: Database, steps = migrations): Promise<void> {
  try {
    await refuseOldServer(database);
    if ((await currentVersion(database)) >= steps.length) return;
    await makeSchema(database);
    while (await migrateOneStep(database, steps));
  } catch (error) {
    throw migrationFailure(database, error);
  }
}

async function refuseOldServer(database: Database): Promise<void> {
  const [row] = await database.all("SELECT current_setting('server_version_num')");
  const found = Number(row?.[0]);
  if (found >= serverVersionMin) return;
  throw incompatible(
    `PostgreSQL 15 or newer is needed; the server is version ${Math.floor(found / 10_000)}.`,
  );
}

/** 0: there is no schema of ours. Throws when it is further ahead than this code can work with. */
export async function currentVersion(database: Database): Promise<number> {
  const name = `"${database.schema}".schema_version`;
  const [found] = await database.all('SELECT to_regclass($1)::text', name);
  if (found?.[0] === null) return 0;
  const [row] = await database.all(readVersionSql);
  const version = (row?.[0] as number | undefined) ?? 0;
  if (version <= migrations.length + versionsAhead) return version;
  throw incompatible(
    `Schema ${database.schema} has version ${version}; this Raincheck knows ${migrations.length} and can work ` +
      `with at most ${migrations.length + versionsAhead}. Use a newer Raincheck.`,
  );
}

/**
 * IF NOT EXISTS takes no lock: when several nodes start at once, some get a duplicate error and
 * look again.
 */
async function makeSchema(database: Database): Promise<void> {
  await database.write(async (tx) => {
    try {
      // A role may use a schema without the right to create one, which IF NOT EXISTS demands in any
      // case.
      const [found] = await tx.all('SELECT to_regnamespace($1)::text', `"${database.schema}"`);
      if (found?.[0] === null) await tx.run(`CREATE SCHEMA "${database.schema}"`);
      await tx.run(makeVersionTableSql);
    } catch (error) {
      if (duplicates.has(sqlState(error) ?? '')) throw new LostRace('schema', { cause: error });
      throw error;
    }
  });
}

/** unique_violation (in the catalogue), duplicate_schema, duplicate_table, duplicate_object. */
const duplicates: ReadonlySet<string> = new Set(['23505', '42P06', '42P07', '42710']);

/** Returns whether there was a step to take. */
async function migrateOneStep(database: Database, steps: readonly string[]): Promise<boolean> {
  return database.write(async (tx) => {
    await tx.run(lockSql);
    const [row] = await tx.all(readVersionSql);
    const version = (row?.[0] as number | undefined) ?? 0;
    const step = steps[version];
    if (step === undefined) return false;
    if (row === undefined) await refuseForeignSchema(tx, database.schema);
    await tx.script(database.inSchema(step));
    const save = row === undefined ? insertVersionSql : updateVersionSql;
    await tx.run(save, version + 1);
    return true;
  });
}

const insertVersionSql = `
INSERT INTO @schema_version (version)
VALUES ($1)`;

const updateVersionSql = `
UPDATE @schema_version
SET version = $1`;

const countTablesSql = `
SELECT count(*)
FROM pg_class
WHERE relnamespace = $1::regnamespace
  AND relkind IN ('r', 'p', 'v', 'm')
  AND relname <> 'schema_version'`;

async function refuseForeignSchema(tx: Transaction, schema: string): Promise<void> {
  const [row] = await tx.all(countTablesSql, `"${schema}"`);
  if (row?.[0] === 0) return;
  throw incompatible(
    `Schema ${schema} holds tables that are not Raincheck's. Name another one with \`schema\`; nothing was changed.`,
  );
}

function migrationFailure(database: Database, error: unknown): unknown {
  if (sqlState(error) !== '42501') return error;
  return incompatible(
    `The role may not make or change schema ${database.schema}: grant it CREATE on the database, or make the schema and grant that.`,
    error,
  );
}

function incompatible(message: string, cause?: unknown): RaincheckError {
  return new RaincheckError('store_incompatible', message, { cause });
}
