import type { Queries } from './connection.ts';

/**
 * What keeps dead rows from being removed: every snapshot that could still see them. While there is
 * one, each claim walks past all rows that left the queue since. Only members of pg_monitor see the
 * sessions of other roles.
 */
const oldSnapshotsSql = `
SELECT kind, name, state, age_ms
FROM (
  SELECT CASE backend_type WHEN 'walsender' THEN 'standby' ELSE 'session' END AS kind, pid::text AS name, state,
    (extract(epoch FROM now() - coalesce(xact_start, CASE backend_type WHEN 'walsender' THEN NULL ELSE now() END))
      * 1000)::bigint AS age_ms, age(backend_xmin) AS rows_age
  FROM pg_stat_activity
  WHERE backend_xmin IS NOT NULL
    AND (datname = current_database() OR backend_type = 'walsender')
    AND pid <> pg_backend_pid()
  UNION ALL
  SELECT 'prepared', gid, NULL, (extract(epoch FROM now() - prepared) * 1000)::bigint, age(transaction)
  FROM pg_prepared_xacts
  WHERE database = current_database()
  UNION ALL
  SELECT 'slot', slot_name, CASE WHEN active THEN 'active' ELSE 'inactive' END, NULL, age(xmin)
  FROM pg_replication_slots
  WHERE xmin IS NOT NULL
) AS held
WHERE age_ms >= $1
  OR (age_ms IS NULL AND rows_age >= $2)
ORDER BY rows_age DESC
LIMIT 5`;

/**
 * Least age in transactions to be reported, for standbys and replication slots, whose age in time
 * is unknown.
 */
const transactionsMin = 100_000;

/**
 * Transactions open for longer than this are reported; no backup of a small database and no report
 * should take that long unnoticed.
 */
const openMsMax = 5 * 60_000;

/** Returns a sentence for each, the oldest first, five at most. */
export async function oldSnapshots(database: Queries, openMs = openMsMax): Promise<string[]> {
  const rows = await database.all(oldSnapshotsSql, openMs, transactionsMin);
  return rows.map((row) => {
    const [kind, name, state, ageMs] = row as [string, string, string | null, number | null];
    return `${what({ kind, name, state, ageMs })} keeps dead rows in place, so claims get slower until it ends.`;
  });
}

function what(p: {
  readonly kind: string;
  readonly name: string;
  readonly state: string | null;
  readonly ageMs: number | null;
}): string {
  const { kind, name, state, ageMs } = p;
  const since = `${Math.floor((ageMs ?? 0) / 60_000)} min`;
  switch (kind) {
    case 'prepared':
      return `A prepared transaction of ${since} ago (ROLLBACK PREPARED or COMMIT PREPARED it)`;
    case 'slot':
      return `The ${state} replication slot ${/^\w+$/.test(name) ? name : ''} (pg_drop_replication_slot when nobody needs it)`;
    case 'standby':
      return `A standby with hot_standby_feedback (process ${name})`;
    default:
      return `A transaction open for ${since} (process ${name}, ${state}; SELECT pg_terminate_backend(${name}) ends it)`;
  }
}
