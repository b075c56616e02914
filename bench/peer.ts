import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { freePort, startServer, type ServerProcess } from './server-process.ts';

const folder = path.join(import.meta.dirname, 'peers');

export type Peer = {
  readonly start: () => Promise<ServerProcess>;
  /** Stops Redis. */
  readonly stop: () => Promise<void>;
};

/**
 * Redis and a starter for bench/peers/server.js, whose packages are installed when missing; a text says
 * why not. `durable`: Redis logs every write and fsyncs it before it answers, as our own store does;
 * otherwise it keeps nothing on disk, the fastest it can be.
 */
export async function startPeer(directory: string, durable: boolean): Promise<Peer | string> {
  if (spawnSync('redis-server', ['--version']).status !== 0) {
    return 'not run: redis-server not found';
  }
  if (!existsSync(path.join(folder, 'node_modules'))) {
    execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder, stdio: 'ignore' });
  }
  const port = await freePort();
  const persistence = durable ? { appendonly: 'yes', appendfsync: 'always' } : { appendonly: 'no' };
  const folderOfRedis = mkdtempSync(path.join(directory, 'redis-'));
  const settings = { port, bind: '127.0.0.1', dir: folderOfRedis, save: '', ...persistence };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const redis = spawn('redis-server', args, { stdio: 'ignore' });
  const start = async (): Promise<ServerProcess> => {
    const server = await startServer({
      name: 'Fastify + BullMQ',
      args: [path.join(folder, 'server.js')],
      env: { REDIS_PORT: String(port) },
    });
    // Our own CPU includes the database's, so the peer's does too.
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
