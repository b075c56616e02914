import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { originsCount, type SendPlan, type SendResult } from './delivery-control.ts';
import { alternate, freshFile, type Bench, type Pair, type Sample } from './scenarios.ts';
import { startServer, type ServerProcess } from './server-process.ts';

/** Deliveries of a round of one second. */
const perSecond = 6_000;
const here = import.meta.dirname;

/**
 * Stored deliveries that are sent to a local sink and recorded, beside a bare loop of undici with
 * the same body and concurrency. `thinkMs` is the time the sink takes to answer, apart from its CPU
 * time.
 */
export async function deliveriesScenario(bench: Bench, thinkMs: number): Promise<Pair[]> {
  const sinkArguments = [String(originsCount), String(thinkMs)];
  const sink = fork(path.join(here, 'delivery-sink.ts'), sinkArguments);
  const [ports] = (await once(sink, 'message')) as [readonly number[]];
  const origins = ports.map((port) => `http://127.0.0.1:${port}`);
  const servers: ServerProcess[] = [];
  try {
    const ours = await startServer({
      name: 'our webhooks',
      args: ['--conditions=raincheck-source', path.join(here, 'delivery-server.ts')],
      env: { DELIVERIES_STORE: freshFile(bench, 'deliveries') },
    });
    servers.push(ours);
    const bare = await startServer({
      name: 'bare undici',
      args: [path.join(here, 'bare-sender.ts')],
    });
    servers.push(bare);
    const plan = (ms: number) => ({ origins, count: Math.ceil((ms * perSecond) / 1_000) });
    return await alternate(bench, {
      ours: (ms) => measured(ours, plan(ms)),
      other: (ms) => measured(bare, plan(ms)),
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    sink.disconnect();
  }
}

async function measured(server: ServerProcess, plan: SendPlan): Promise<Sample> {
  const body = JSON.stringify(plan);
  const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body });
  if (!response.ok) throw new Error(`${server.name}: ${await response.text()}`);
  const { elapsedMs, cpuMs } = (await response.json()) as SendResult;
  const { count } = plan;
  return {
    count,
    perSecond: (count / elapsedMs) * 1_000,
    cpuMs: cpuMs / count,
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
  };
}
