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
 * One of the few tests that must measure time: what a few receivers in trouble do to the others
 * shows in how long these wait. A first wave without those in trouble tells how long that is on
 * this machine at its present load.
 */
const healthyCount = 20;
const waves = 6;
/** In every wave, for every receiver. */
const perReceiver = 10;
const p99MsMax = 2_000;
/** On a slow machine the bound is this many times the wait without those in trouble. */
const slowerMax = 3;
const growthBytesMax = 8 * 1_048_576;

type Bad = { readonly url: string; readonly openMax: () => number; close(): Promise<void> };

/** A receiver below HTTP: `react` gets the socket once a request has begun. */
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

/** Writes as fast as it is read, for ever. */
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

/** Memory still in use after a full collection. */
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
  const healthyUrls = healthy.map(({ origin }) => `${origin}/`);
  const urls = [...healthyUrls, ...Object.values(bad).map(({ url }) => url)];
  let heldAfterWarmUp = 0;
  let undisturbedMs = 0;
  for (let wave = 0; wave <= waves; wave += 1) {
    for (let i = 0; i < perReceiver; i += 1) await submitTo(rc, wave === 0 ? healthyUrls : urls);
    await Promise.all(healthy.map((one) => one.acknowledgedBy((wave + 1) * perReceiver)));
    if (wave === 0) undisturbedMs = p99(await waitsOf(rc, healthy, perReceiver));
    for (const receiver of healthy) receiver.received.length = 0; // what the test itself would hold
    if (wave === 2) heldAfterWarmUp = heldBytes();
  }
  const grownBytes = heldBytes() - heldAfterWarmUp;
  const waits = await waitsOf(rc, healthy, (waves + 1) * perReceiver);
  const disturbed = waits.slice(healthyCount * perReceiver);
  t.diagnostic(
    `p99 ${p99(disturbed)} ms, undisturbed ${undisturbedMs} ms, grown ${grownBytes >> 10} KiB`,
  );
  assert.ok(
    p99(disturbed) < Math.max(p99MsMax, slowerMax * undisturbedMs),
    `p99 ${p99(disturbed)} ms`,
  );
  assert.ok(grownBytes < growthBytesMax, `grown by ${grownBytes} bytes`);
  for (const receiver of healthy) assert.deepEqual(receiver.faults, []);
  for (const [name, { openMax }] of Object.entries(bad)) {
    assert.ok(openMax() >= 1 && openMax() <= 4, `${name}: ${openMax()} connections at once`);
  }
});

/**
 * Waits from the end of the operation to the acknowledgement, once each healthy receiver has all of
 * its `each` deliveries; oldest first.
 */
async function waitsOf(
  rc: Raincheck,
  healthy: readonly WebhookReceiver[],
  each: number,
): Promise<readonly number[]> {
  const origins = new Set(healthy.map(({ origin }) => origin));
  let done: readonly WireDelivery[] = [];
  await until('what goes to healthy receivers is delivered', async () => {
    const all = await deliveries(rc);
    done = all.filter(
      ({ url, state }) => origins.has(new URL(url).origin) && state === 'delivered',
    );
    return done.length === each * healthy.length;
  });
  const from = (one: WireDelivery): number => Date.parse(one.created_at);
  return done
    .toSorted((a, b) => from(a) - from(b))
    .map((one) => Date.parse(one.finished_at ?? '') - from(one));
}

function p99(waits: readonly number[]): number {
  return waits.toSorted((a, b) => a - b)[Math.ceil(waits.length * 0.99) - 1]!;
}
