import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { originsCount, type SendPlan, type SendResult } from './delivery-control.ts';
import { alternate, freshFile, type Bench, type Pair, type Sample } from './scenarios.ts';
import { startServer, type ServerProcess } from './server-process.ts';

/**
 * Deliveries for each second of a round, about as many as are sent in it: to a sink that answers at
 * once, and to one that takes its time.
 */
const perSecond = { atOnce: 24_000, slowly: 9_000 } as const;
/**
 * A round stores and sends them in parts, each small enough to be in memory whole
 * (deliveries-ahead.ts), as deliveries are in a server that sends what it has just created.
 */
const partMax = 6_000;
const here = import.meta.dirname;

/**
 * Stored deliveries that are sent to a local sink and recorded, beside a bare loop of undici with
 * the same body and concurrency. `thinkMs` is the time the sink takes to answer, apart from its CPU
 * time. `isRestarted`: they were stored before a restart, so that nothing of them is in memory.
 */
export async function deliveriesScenario(
  bench: Bench,
  { thinkMs, isRestarted = false }: { thinkMs: number; isRestarted?: boolean },
): Promise<Pair[]> {
  const sinkArguments = [String(originsCount), String(thinkMs)];
  const sink = fork(path.join(here, 'delivery-sink.ts'), sinkArguments);
  const [ports] = (await once(sink, 'message')) as [readonly number[]];
  const origins = ports.map((port) => `http://127.0.0.1:${port}`);
  const servers: ServerProcess[] = [];
  try {
    const ours = await startServer({
      name: 'our webhooks',
      args: ['--conditions=raincheck-source', path.join(here, 'delivery-server.ts')],
      env: {
        DELIVERIES_STORE: freshFile(bench, 'deliveries'),
        DELIVERIES_RESTART: isRestarted ? 'yes' : 'no',
      },
    });
    servers.push(ours);
    const bare = await startServer({
      name: 'bare undici',
      args: [path.join(here, 'bare-sender.ts')],
    });
    servers.push(bare);
    const each = thinkMs === 0 ? perSecond.atOnce : perSecond.slowly;
    const plan = (ms: number) => ({ origins, count: Math.ceil((ms * each) / 1_000) });
    return await alternate(bench, {
      ours: (ms) => measured(ours, plan(ms)),
      other: (ms) => measured(bare, plan(ms)),
    });
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    sink.disconnect();
  }
}

/** One round; what is measured is the sending. */
async function measured(server: ServerProcess, { origins, count }: SendPlan): Promise<Sample> {
  let elapsedMs = 0;
  let cpuMs = 0;
  for (let left = count; left > 0; left -= partMax) {
    const part = await sent(server, { origins, count: Math.min(left, partMax) });
    elapsedMs += part.elapsedMs;
    cpuMs += part.cpuMs;
  }
  return {
    count,
    perSecond: (count / elapsedMs) * 1_000,
    cpuMs: cpuMs / count,
    p50Ms: Number.NaN,
    p99Ms: Number.NaN,
  };
}

async function sent(server: ServerProcess, plan: SendPlan): Promise<SendResult> {
  const body = JSON.stringify(plan);
  const response = await fetch(`http://127.0.0.1:${server.port}/`, { method: 'POST', body });
  if (!response.ok) throw new Error(`${server.name}: ${await response.text()}`);
  return (await response.json()) as SendResult;
}
