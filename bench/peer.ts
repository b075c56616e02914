import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { freePort, startServer, type ServerProcess } from './server-process.ts';

export const peersFolder = path.join(import.meta.dirname, 'peers');

/** Installs the packages of the peers if they are missing. */
export function installPeers(): void {
  if (existsSync(path.join(peersFolder, 'node_modules', 'pg-boss'))) return;
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: peersFolder, stdio: 'ignore' });
}

export type Peer = {
  readonly start: () => Promise<ServerProcess>;
  /** Stops Redis. */
  readonly stop: () => Promise<void>;
};

/**
 * Starts Redis and bench/peers/bullmq.js, installing its packages if missing; a returned text says
 * why that is impossible. `durable`: Redis logs every write and fsyncs it before it answers, as our
 * own store does. Otherwise it keeps nothing on disk, which is its fastest mode.
 */
export async function startPeer(directory: string, durable: boolean): Promise<Peer | string> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    return 'not run: redis-server not found';
  }
  installPeers();
  const port = await freePort();
  const persistence = durable ? { appendonly: 'yes', appendfsync: 'always' } : { appendonly: 'no' };
  const folderOfRedis = mkdtempSync(path.join(directory, 'redis-'));
  const settings = { port, bind: '127.0.0.1', dir: folderOfRedis, save: '', ...persistence };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const redis = spawn('redis-server', args, { stdio: 'ignore' });
  const start = async (): Promise<ServerProcess> => {
    const server = await startServer({
      name: 'Fastify + BullMQ',
      args: [path.join(peersFolder, 'bullmq.js')],
      env: { REDIS_PORT: String(port) },
    });
    // The CPU of the peer includes that of its database, as ours does.
    const cpuMs = async () => (await server.cpuMs()) + (await redisCpuMs(port));
    return {
      name: server.name,
      port: server.port,
      cpuMs,
      memory: () => server.memory(),
      stop: () => server.stop(),
    };
  };
  const stop = async (): Promise<void> => {
    const exit = once(redis, 'exit');
    redis.kill('SIGTERM');
    await exit;
  };
  return { start, stop };
}

async function redisCpuMs(port: number): Promise<number> {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  socket.end('INFO cpu\r\nQUIT\r\n');
  await once(socket, 'close');
  const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
  return (seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1000;
}
