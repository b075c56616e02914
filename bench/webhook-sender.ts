import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import process from 'node:process';
import { Agent, request } from 'undici';
import { systemClock } from '../src/engine/system-clock.ts';
import { createAddressGuard } from '../src/webhooks/address-guard.ts';
import { addressPolicy, loopbackCidrs } from '../src/webhooks/address-policy.ts';
import { makeSecret } from '../src/webhooks/secrets.ts';
import { createSender } from '../src/webhooks/sender.ts';
import { median } from './statistics.ts';

/**
 * node --conditions=raincheck-source bench/webhook-sender.ts
 *
 * Measures attempts a second of our sender, including signature and answer, beside a bare loop of
 * undici's `request` with the same body, concurrency and connections. The two take turns in this
 * process; the sink is another process. Ratios are medians over pairs of neighbouring rounds, as in
 * `npm run bench`.
 */
const concurrency = 16;
const rounds = 10;
const roundMs = 1_000;
const body = JSON.stringify({ type: 'operation.completed', padding: 'x'.repeat(1_500) });

type Round = { readonly perSecond: number; readonly cpuMicros: number };

async function measured(send: () => Promise<void>): Promise<Round> {
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const until = startedAt + roundMs;
  let count = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < until) {
      await send();
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, loop));
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    perSecond: (count * 1_000) / (performance.now() - startedAt),
    cpuMicros: (user + system) / count,
  };
}

const sink = fork(path.join(import.meta.dirname, 'webhook-sink.ts'));
const [port] = (await once(sink, 'message')) as [number];
const url = `http://127.0.0.1:${port}/hook`;

const policy = addressPolicy({ httpAllowed: true, allowedCidrs: loopbackCidrs });
const guard = createAddressGuard({ policy, clock: systemClock });
const sender = createSender({ guard, clock: systemClock, userAgent: 'raincheck (+webhooks)' });
const { signal } = new AbortController();
const secrets = [makeSecret('v1', Buffer.alloc(32, 7))];
const ours = async (): Promise<void> => {
  const result = await sender.send({
    id: 'msg_01JABCDEFGHJKMNPQRSTVWXYZ0',
    event: 'operation.completed',
    url,
    headers: {},
    body,
    secrets,
    traceparent: null,
    signal,
  });
  if (!result.delivered) throw new Error(`Not delivered: ${JSON.stringify(result)}`);
};

const dispatcher = new Agent({ connections: concurrency });
const headers = { 'content-type': 'application/json' };
const bare = async (): Promise<void> => {
  const answer = await request(url, { method: 'POST', dispatcher, headers, body });
  await answer.body.text();
};

try {
  await measured(ours);
  await measured(bare);
  const pairs: { ours: Round; bare: Round }[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // The order changes, so that a machine that slows down affects both alike.
    const first = await measured(round % 2 === 0 ? ours : bare);
    const second = await measured(round % 2 === 0 ? bare : ours);
    pairs.push(round % 2 === 0 ? { ours: first, bare: second } : { ours: second, bare: first });
  }
  const of = (figure: (pair: { ours: Round; bare: Round }) => number): number =>
    median(pairs.map(figure));
  const shown = (value: number): string => Math.round(value).toLocaleString('en');
  console.log(
    `sender  ${shown(of((p) => p.ours.perSecond))}/s  ${of((p) => p.ours.cpuMicros).toFixed(1)} µs CPU`,
  );
  console.log(
    `undici  ${shown(of((p) => p.bare.perSecond))}/s  ${of((p) => p.bare.cpuMicros).toFixed(1)} µs CPU`,
  );
  console.log(
    `ratio   ${of((p) => p.ours.perSecond / p.bare.perSecond).toFixed(2)} of undici's attempts a second`,
  );
  console.log(
    `CPU     ${of((p) => p.ours.cpuMicros / p.bare.cpuMicros).toFixed(2)} of undici's time an attempt`,
  );
} finally {
  await sender.close();
  await dispatcher.close();
  sink.disconnect();
}
