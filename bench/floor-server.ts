import http, { type ServerResponse } from 'node:http';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { operationId } from '../src/core/id.ts';
import { IdMaker } from '../src/engine/id-maker.ts';
import { checkpointFrames } from '../src/store-sqlite/group-commit.ts';
import { LogSync } from '../src/store-sqlite/log-sync.ts';
import { migrations } from '../src/store-sqlite/migrations.ts';

/**
 * The least that a durable 202 costs: plain node:http, `JSON.parse`, an id, one INSERT into our schema, a commit for
 * all that came in a turn, `fdatasync` beside the event loop, and the same bytes as our answer. No validation, no engine, no
 * limits, no estimate, no log. The gap from this server to ours is overhead that we can reduce. The gap from bare-server.ts
 * to this one is the price of durability, which every server pays that stores a status resource before its 202.
 *
 * FLOOR_FILE is the database, FLOOR_BODY and FLOOR_HEADERS (a JSON list, names and values in turn) an answer of ours with
 * FLOOR_ID in it, which every answer has replaced by its own.
 */
const env = (name: string): string => process.env[name] ?? '';
const exampleId = env('FLOOR_ID');
const [beforeId = '', ...betweenIds] = env('FLOOR_BODY').split(exampleId);
const headers = JSON.parse(env('FLOOR_HEADERS')) as string[];

const database = new DatabaseSync(env('FLOOR_FILE'));
// As connection.ts opens it: the log is synced beside the event loop and moved into the file by us.
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
