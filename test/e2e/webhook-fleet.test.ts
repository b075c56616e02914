import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it, type TestContext } from 'node:test';
import v8 from 'node:v8';
import vm from 'node:vm';
import { defineTask, raincheck, type Raincheck } from 'raincheck';
import type { WireDelivery, WireDeliveryPage } from '../../src/core/wire-webhook.ts';
import { until } from '../../src/testing/until.fixture.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

/**
 * One of the few tests that must measure time: what a few receivers in trouble do to all others is a matter of
 * how long those wait.
 */
const healthyCount = 20;
const waves = 6;
/** Of every wave and receiver. */
const perReceiver = 10;
const p99MsMax = 2_000;
const growthBytesMax = 8 * 1_048_576;

type Bad = { readonly url: string; readonly openMax: () => number; close(): Promise<void> };

/** A receiver below HTTP: `react` is given the socket once a request has begun. */
async function rawReceiver(react: (socket: net.Socket) => void): Promise<Bad> {
  const sockets = new Set<net.Socket>();
  let most = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    most = Math.max(most, sockets.size);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.once('data', () => react(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    openMax: () => most,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function drip(socket: net.Socket): void {
  const text = 'HTTP/1.1 200 OK\r\nx-drip: ';
  let at = 0;
  const timer = setInterval(() => socket.write(text[at++] ?? '.'), 500);
  socket.on('close', () => clearInterval(timer));
}

/** As fast as it is taken, for ever. */
function endless(socket: net.Socket): void {
  const chunk = Buffer.alloc(65_536, 'x');
  socket.write('HTTP/1.1 500 Oh\r\ncontent-type: text/plain\r\n\r\n');
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

async function badReceivers(): Promise<Record<string, Bad>> {
  return {
    hang: await rawReceiver(() => undefined),
    500: await rawReceiver((socket) =>
      socket.write('HTTP/1.1 500 Oh\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'),
    ),
    reset: await rawReceiver((socket) => socket.resetAndDestroy()),
    drip: await rawReceiver(drip),
    endless: await rawReceiver(endless),
  };
}

async function deliveries(rc: Raincheck): Promise<WireDelivery[]> {
  const all: WireDelivery[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: string = cursor === '' ? '' : `&cursor=${cursor}`;
    const response = await rc.fetch(new Request(`http://x/webhooks/deliveries?limit=200${page}`));
    const { deliveries: some, next_cursor } = (await response.json()) as WireDeliveryPage;
    all.push(...some);
    cursor = next_cursor;
  }
  return all;
}

/** What is still there after a full collection. */
function heldBytes(): number {
  v8.setFlagsFromString('--expose-gc');
  (vm.runInNewContext('gc') as () => void)();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

function fleet(t: TestContext): Raincheck {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
  const noop = (): void => undefined;
  const rc = raincheck({
    tasks: [defineTask('quick', { run: () => null })],
    store: path.join(folder, 'a.db'),
    webhooks: { allowedCidrs: ['127.0.0.0/8'], httpAllowed: true },
    logger: { debug: noop, info: noop, warn: noop, error: noop },
  });
  t.after(async () => {
    await rc.stop({ now: true });
    rmSync(folder, { recursive: true });
  });
  return rc;
}

async function submitTo(rc: Raincheck, urls: readonly string[]): Promise<void> {
  const submits = urls.map(async (webhook_url) => {
    const body = JSON.stringify({ webhook_url });
    const headers = { 'content-type': 'application/json' };
    const response = await rc.fetch(
      new Request('http://x/quick', { method: 'POST', headers, body }),
    );
    assert.equal(response.status, 202, await response.text());
  });
  await Promise.all(submits);
}

it('Twenty healthy receivers hear within 2 s (p99) whatever five others do, and memory stays flat', async (t) => {
  const healthy = await Promise.all(
    Array.from({ length: healthyCount }, () => WebhookReceiver.open({})),
  );
  const bad = await badReceivers();
  t.after(() => Promise.all([...healthy, ...Object.values(bad)].map((one) => one.close())));
  const rc = fleet(t);
  const urls = [
    ...healthy.map(({ origin }) => `${origin}/`),
    ...Object.values(bad).map(({ url }) => url),
  ];
  let heldAfterWarmUp = 0;
  for (let wave = 1; wave <= waves; wave += 1) {
    for (let i = 0; i < perReceiver; i += 1) await submitTo(rc, urls);
    await Promise.all(healthy.map((one) => one.acknowledgedBy(wave * perReceiver)));
    for (const receiver of healthy) receiver.received.length = 0; // what the test itself would hold
    if (wave === 2) heldAfterWarmUp = heldBytes();
  }
  const grownBytes = heldBytes() - heldAfterWarmUp;
  await until(
    'what goes to healthy receivers is delivered',
    async () => (await delivered(rc, healthy)).length === waves * healthyCount * perReceiver,
  );
  const waits = (await delivered(rc, healthy))
    .map((one) => Date.parse(one.finished_at ?? '') - Date.parse(one.created_at))
    .sort((a, b) => a - b);
  const p99 = waits[Math.ceil(waits.length * 0.99) - 1]!;
  t.diagnostic(`p50 ${waits[waits.length >> 1]} ms, p99 ${p99} ms, grown ${grownBytes >> 10} KiB`);
  assert.ok(p99 < p99MsMax, `p99 ${p99} ms`);
  assert.ok(grownBytes < growthBytesMax, `grown by ${grownBytes} bytes`);
  for (const receiver of healthy) assert.deepEqual(receiver.faults, []);
  for (const [name, { openMax }] of Object.entries(bad)) {
    assert.ok(openMax() >= 1 && openMax() <= 4, `${name}: ${openMax()} connections at once`);
  }
});

async function delivered(rc: Raincheck, healthy: readonly WebhookReceiver[]) {
  const origins = new Set(healthy.map(({ origin }) => origin));
  const all = await deliveries(rc);
  return all.filter(({ url, state }) => origins.has(new URL(url).origin) && state === 'delivered');
}
