import path from 'node:path';
import { startServer, type ServerProcess } from './server-process.ts';

const here = import.meta.dirname;

/** Plain node:http, whose GET answers `getBytes` bytes. */
export function startBare(getBytes = 700): Promise<ServerProcess> {
  return startServer({
    name: 'bare node:http',
    args: [path.join(here, 'bare-server.ts')],
    env: { GET_BYTES: String(getBytes) },
  });
}

/**
 * The lowest cost of a durable 202: floor-server.ts on `file`, with the answers that `ours` gives.
 */
export async function startFloor(ours: ServerProcess, file: string): Promise<ServerProcess> {
  const accepted = await fetch(`http://127.0.0.1:${ours.port}/noop`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"n":1}',
  });
  const text = await accepted.text();
  const { id } = JSON.parse(text) as { readonly id: string };
  // Headers that node:http adds by itself are left out.
  const own = [...accepted.headers].filter(
    ([name]) => !['connection', 'content-length', 'date', 'keep-alive'].includes(name),
  );
  return startServer({
    name: 'durable floor',
    args: [path.join(here, 'floor-server.ts')],
    env: {
      FLOOR_FILE: file,
      FLOOR_ID: id,
      FLOOR_BODY: text,
      FLOOR_HEADERS: JSON.stringify(own.flat()),
    },
  });
}

/** Our own server as a user runs it, on the database `store`, with the tasks of raincheck.config.ts. */
export function startRaincheck(
  store: string,
  p: { readonly options?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<ServerProcess> {
  const { options = [], env } = p;
  return startCommand(store, ['serve', '--port', '{port}', ...options], env);
}

/** A separate worker with the same tasks. */
export function startWorker(store: string): Promise<ServerProcess> {
  return startCommand(store, ['worker', '--health-port', '{port}']);
}

function startCommand(
  store: string,
  [command = '', ...options]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const program = path.join(here, '..', 'src', 'cli', 'main.ts');
  const config = path.join(here, 'raincheck.config.ts');
  return startServer({
    name: `raincheck ${command}`,
    args: ['--conditions=raincheck-source', program, command, '--config', config, ...options],
    env: { RAINCHECK_STORE: store, ...env },
  });
}

export async function readTask(
  server: ServerProcess,
): Promise<{ readonly pending: number; readonly completed: number; readonly failed: number }> {
  const response = await fetch(`http://127.0.0.1:${server.port}/tasks/noop`);
  const { counts } = (await response.json()) as {
    counts: { pending: number; completed: number; failed: number };
  };
  return counts;
}

export async function steerTask(server: ServerProcess, verb: 'pause' | 'resume'): Promise<void> {
  const url = `http://127.0.0.1:${server.port}/tasks/noop/${verb}`;
  const response = await fetch(url, { method: 'POST' });
  if (!response.ok) throw new Error(`${verb}: ${response.status} ${await response.text()}`);
}

const drainMsMax = 60_000;

/**
 * Resolves when `completed` operations are completed. It looks every few ms, so it may be late by
 * that.
 */
export async function drained(server: ServerProcess, completed: number): Promise<void> {
  const until = performance.now() + drainMsMax;
  for (;;) {
    const counts = await readTask(server);
    if (counts.completed === completed) return;
    if (counts.completed > completed) {
      throw new Error(`${counts.completed} completed, more than the ${completed} submitted.`);
    }
    if (counts.failed > 0) throw new Error(`${counts.failed} no-op operations failed.`);
    if (performance.now() > until) {
      throw new Error(`${counts.completed} of ${completed} completed after ${drainMsMax} ms.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
