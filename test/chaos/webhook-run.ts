import { mkdtempSync, rmSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireOperation } from 'raincheck';
import { limits } from '../../src/core/limits.ts';
import { isFinal, type Operation } from '../../src/core/operation.ts';
import type { WireOperationEvent } from '../../src/core/wire.ts';
import { openSqliteStore } from '../../src/store-sqlite/sqlite-store.ts';
import type { OperationPage, Store } from '../../src/store/store.ts';
import { WebhookReceiver, type Received } from '../support/webhook-receiver.ts';
import { randomOf } from './random.ts';
import type { ChaosSummary } from './run.ts';
import { freePort, Server } from './server.ts';

/**
 * Operations that ask for a webhook, a receiver in trouble now and then, kill -9 of the server at random instants.
 * Afterwards every final operation must have been told to the receiver, which verifies what it gets with the
 * receivers' own library and notes every delivery that came twice at once.
 */
export type WebhookChaosOptions = {
  readonly operations: number;
  readonly kills: number;
  readonly seed: number;
  readonly report: (line: string) => void;
};

const secret = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
const submitters = 8;
const paths = 12;
const drainMsMax = 60_000;
const requestMsMax = 5_000;

export async function runWebhookChaos(p: WebhookChaosOptions): Promise<ChaosSummary> {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'raincheck-chaos-'));
  const db = path.join(directory, 'chaos.db');
  const random = randomOf(p.seed);
  const run = new Run(p, random);
  const receiver = await WebhookReceiver.open({
    secret,
    react: (received, response) => run.react(received, response),
  });
  const server = new Server({
    port: await freePort(),
    db,
    log: path.join(directory, 'handlers.log'),
    preload: null,
    env: {
      RAINCHECK_WEBHOOK_SECRET: secret,
      RAINCHECK_WEBHOOK_CIDRS: '127.0.0.0/8',
      RAINCHECK_WEBHOOK_HTTP: 'true',
    },
  });
  try {
    server.spawn();
    await server.ready();
    const submitting = run.submitAll(server.base, receiver.origin);
    for (let kill = 1; kill <= p.kills; kill += 1) {
      await sleep(100 + random() * 700);
      const { size } = receiver.acknowledged;
      await server.signal('SIGKILL');
      p.report(`kill ${kill}: ${run.accepted.size} accepted, ${size} deliveries acknowledged`);
      server.spawn();
      await server.ready();
    }
    await submitting;
    await run.drain(receiver);
    await server.signal('SIGTERM');
    for (const fault of receiver.faults) run.violate(fault);
    const counts = await checkStore(db, run);
    return { violations: run.violations, counts: { ...run.counts(receiver), ...counts } };
  } finally {
    await server.signal('SIGKILL');
    await receiver.close();
    if (run.violations.length === 0) rmSync(directory, { recursive: true, force: true });
    else p.report(`kept for a look: ${directory}`);
  }
}

class Run {
  readonly violations: string[] = [];
  /** Operations whose 202 arrived. */
  readonly accepted = new Set<string>();
  /** By operation: the webhook-id that told its end, once that was acknowledged. */
  readonly told = new Map<string, string>();
  readonly #p: WebhookChaosOptions;
  readonly #random: () => number;
  #next = 0;

  constructor(p: WebhookChaosOptions, random: () => number) {
    this.#p = p;
    this.#random = random;
  }

  violate(sentence: string): void {
    if (this.violations.length < 100) this.violations.push(sentence);
  }

  /** Mostly in good health; now and then it fails, hangs up, or takes its time. */
  async react({ id, body }: Received, response: ServerResponse): Promise<number | void> {
    const dice = this.#random();
    if (dice < 0.06) return 500;
    if (dice < 0.09) {
      response.destroy();
      return undefined;
    }
    if (dice < 0.6) await sleep(this.#random() * 40);
    if (response.destroyed) return undefined; // The sender was killed meanwhile.
    const event = JSON.parse(body) as WireOperationEvent;
    const known = this.told.get(event.operation_id);
    if (known !== undefined && known !== id) {
      this.violate(`${event.operation_id} was told as ${known} and as ${id}.`);
    }
    this.told.set(event.operation_id, id);
    return 200;
  }

  async submitAll(base: string, receiver: string): Promise<void> {
    await Promise.all(
      Array.from({ length: submitters }, async () => {
        while (this.#next < this.#p.operations) {
          this.#next += 1;
          await this.#submit(base, { marker: `m${this.#next}`, receiver });
        }
      }),
    );
  }

  /** Sends until it is answered, as a careful client does: the key makes it one operation. */
  async #submit(
    base: string,
    p: { readonly marker: string; readonly receiver: string },
  ): Promise<void> {
    const task = this.#random() < 0.8 ? 'quick' : 'flaky';
    const webhook_url = `${p.receiver}/${Math.floor(this.#random() * paths)}`;
    // A third of what is flaky fails for good: that is told as well.
    const failures = Math.floor(this.#random() * 4);
    const body = JSON.stringify({ marker: p.marker, ms: 0, failures, key: 'k', webhook_url });
    const headers = { 'content-type': 'application/json', 'idempotency-key': p.marker };
    for (;;) {
      try {
        const signal = AbortSignal.timeout(requestMsMax);
        const response = await fetch(`${base}/${task}`, { method: 'POST', headers, body, signal });
        const text = await response.text();
        if (response.status === 202) {
          this.accepted.add((JSON.parse(text) as WireOperation).id);
          await sleep(this.#random() * 20);
          return;
        }
        if (response.status !== 503) {
          this.violate(`POST /${task} answered ${response.status}: ${text}`);
          return;
        }
      } catch {
        // It was killed, and has not come up yet.
      }
      await sleep(20 + this.#random() * 50);
    }
  }

  /** Waits until everything that was accepted has been told. */
  async drain(receiver: WebhookReceiver): Promise<void> {
    const until = performance.now() + drainMsMax;
    for (const id of this.accepted) {
      while (!this.told.has(id)) {
        if (performance.now() > until) {
          this.violate(`The end of ${id} was not told within ${drainMsMax} ms.`);
          return;
        }
        await sleep(20);
      }
    }
    // What was acknowledged last is still to be recorded.
    for (let seen = -1; seen !== receiver.received.length; await sleep(300)) {
      seen = receiver.received.length;
    }
  }

  counts(receiver: WebhookReceiver): Record<string, number> {
    return {
      accepted: this.accepted.size,
      told: this.told.size,
      requests: receiver.received.length,
      repeated: receiver.received.filter(({ nth }) => nth > 1).length,
    };
  }
}

/** With the server stopped: every operation is final and delivered, and no two attempts of a delivery overlap. */
async function checkStore(db: string, run: Run): Promise<Record<string, number>> {
  const store = await openSqliteStore({ path: db });
  const counts = { stored: 0, delivered: 0, attempts: 0, unknown: 0 };
  try {
    let beforeId: string | null = null;
    do {
      const page: OperationPage = await store.listOperations({ filter: {}, limit: 200, beforeId });
      for (const operation of page.operations)
        await checkOperation({ store, run, counts }, operation);
      beforeId = page.nextBeforeId;
    } while (beforeId !== null);
  } finally {
    await store.close();
  }
  return counts;
}

async function checkOperation(
  p: { readonly store: Store; readonly run: Run; readonly counts: Record<string, number> },
  { id, state }: Operation,
): Promise<void> {
  const { store, run, counts } = p;
  const count = (name: string, by: number) => (counts[name] = (counts[name] ?? 0) + by);
  count('stored', 1);
  if (!isFinal(state)) return run.violate(`${id} is still ${state} at the end.`);
  const delivery = await store.readOperationDelivery({ operationId: id });
  if (delivery === null) return run.violate(`${id} is ${state} and has no delivery.`);
  if (delivery.state !== 'delivered') {
    return run.violate(`${id}: ${delivery.id} is ${delivery.state} at the end.`);
  }
  if (run.told.get(id) !== delivery.id) run.violate(`${id}: nobody acknowledged ${delivery.id}.`);
  count('delivered', 1);
  const attempts = await store.listDeliveryAttempts({ id: delivery.id });
  count('attempts', attempts.length);
  count('unknown', attempts.filter(({ outcome }) => outcome === 'unknown').length);
  if (delivery.attempts <= limits.deliveryAttemptsShown && attempts.length !== delivery.attempts) {
    run.violate(`${delivery.id} counts ${delivery.attempts} attempts and has ${attempts.length}.`);
  }
  for (const [i, attempt] of attempts.entries()) {
    const before = attempts[i - 1];
    if (before === undefined) continue;
    if (before.endedAt === null || before.endedAt > attempt.startedAt) {
      run.violate(
        `${delivery.id}: attempt ${attempt.number} began before the one before it ended.`,
      );
    }
  }
}
