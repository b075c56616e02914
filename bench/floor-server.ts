import http, { type ServerResponse } from 'node:http';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { operationId } from '../src/core/id.ts';
import { IdMaker } from '../src/engine/id-maker.ts';
import { checkpointFrames } from '../src/store-sqlite/checkpoints.ts';
import { LogSync } from '../src/store-sqlite/log-sync.ts';
import { migrations } from '../src/store-sqlite/migrations.ts';

/**
 * The lowest possible cost of a durable 202: plain node:http, `JSON.parse`, an id, one INSERT into
 * our schema, one commit for all requests of a turn, `fdatasync` off the event loop, and the same
 * bytes as our answer. It has no validation, engine, limits, estimates or log. The gap from this
 * server to ours is overhead that we can reduce. The gap from bare-server.ts to this one is the
 * price of durability, which every server pays that stores a status resource before its 202.
 *
 * FLOOR_FILE is the database. FLOOR_BODY and FLOOR_HEADERS (a JSON list of names and values in
 * turn) are an answer of ours that contains FLOOR_ID, which every answer replaces by its own id.
 */
const env = (name: string): string => process.env[name] ?? '';
const exampleId = env('FLOOR_ID');
const [beforeId = '', ...betweenIds] = env('FLOOR_BODY').split(exampleId);
const headers = JSON.parse(env('FLOOR_HEADERS')) as string[];

const database = new DatabaseSync(env('FLOOR_FILE'));
// As connection.ts opens it: the log is synced off the event loop, and we move it into the file.
database.exec(
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -32768',
);
for (const step of migrations) database.exec(step);
database.exec("INSERT INTO tasks (task) VALUES ('noop')");
const insert = database.prepare(`
  INSERT INTO operations
    (id, task, state, created_at, retention_ms, attempts_max, priority, ready_at, tenant, labels, input)
  VALUES (?, 'noop', 'ready', ?, 86400000, 3, 0, ?, '', '{}', ?)`);
const count = database.prepare("UPDATE tasks SET pending = ? WHERE task = 'noop'");
const begin = database.prepare('BEGIN IMMEDIATE');
const commit = database.prepare('COMMIT');
const logged = database.prepare('PRAGMA wal_checkpoint(NOOP)');
logged.setReturnArrays(true);
const log = new LogSync(env('FLOOR_FILE'));

type Accepted = { readonly id: string; readonly response: ServerResponse };
let gathered: { readonly accepted: Accepted; readonly now: number; readonly input: string }[] = [];
let isFlushScheduled = false;
let isSyncing = false;
let pending = 0;

function flush(): void {
  isFlushScheduled = false;
  if (isSyncing || gathered.length === 0) return;
  const round = gathered;
  gathered = [];
  begin.run();
  for (const { accepted, now, input } of round) insert.run(accepted.id, now, now, input);
  pending += round.length;
  count.run(pending);
  commit.run();
  isSyncing = true;
  log.sync((error) => {
    if (error !== null) throw error;
    isSyncing = false;
    const [, frames = 0] = logged.get() as unknown as number[];
    if (frames >= checkpointFrames) database.exec('PRAGMA wal_checkpoint(PASSIVE)');
    flush();
    for (const { accepted } of round) answer(accepted);
  });
}

function answer({ id, response }: Accepted): void {
  const body = [beforeId, ...betweenIds].join(id);
  response.writeHead(202, [
    ...headers.map((text) => text.replace(exampleId, id)),
    'content-length',
    String(body.length),
  ]);
  response.end(body, 'latin1');
}

const ids = new IdMaker(operationId);

http
  .createServer((request, response) => {
    if (request.method !== 'POST') {
      response.end('ready');
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const now = Date.now();
      const parsed: unknown = JSON.parse(Buffer.concat(chunks).toString());
      gathered.push({
        accepted: { id: ids.next(now), response },
        now,
        input: JSON.stringify(parsed),
      });
      if (isFlushScheduled || isSyncing) return;
      isFlushScheduled = true;
      setImmediate(flush);
    });
  })
  .listen(Number(process.env['PORT']), '127.0.0.1');
