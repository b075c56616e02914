import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WireOperation } from 'raincheck';
import { openSqliteStore } from '../../src/store-sqlite/sqlite-store.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';
import { randomOf } from './random.ts';
import type { ChaosSummary } from './run.ts';
import { freePort, Server } from './server.ts';
import { Told } from './told.ts';

/**
 * Operations that ask for a webhook, a receiver with occasional trouble, kill -9 of the server at
 * random instants. Afterwards the end of every operation must have been delivered to the receiver,
 * which verifies requests with the receivers' own library and records every delivery that arrived
 * twice at once.
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
      await sleep(100 + random() * 700); // no event: kills fall at random instants on purpose
      const { size } = receiver.acknowledged;
      await server.signal('SIGKILL');
      p.report(`kill ${kill}: ${run.accepted.size} accepted, ${size} deliveries acknowledged`);
      server.spawn();
      await server.ready();
    }
    await submitting;
    await run.drain({
      ids: run.accepted,
      msMax: drainMsMax,
      stop: () => server.signal('SIGTERM'),
      left: () => leftIn(db),
      start: async () => {
        server.spawn();
        await server.ready();
      },
    });
    for (const fault of receiver.faults) run.violate(fault);
    const store = await openSqliteStore({ path: db });
    let counts: Awaited<ReturnType<typeof run.checkStore>>;
    try {
      counts = await run.checkStore(store);
    } finally {
      await store.close();
    }
    return { violations: run.violations, counts: { ...run.counts(receiver), ...counts } };
  } finally {
    await server.signal('SIGKILL');
    await receiver.close();
    if (run.violations.length === 0) rmSync(directory, { recursive: true, force: true });
    else p.report(`kept for a look: ${directory}`);
  }
}

/** Deliveries that are not done in a file that no process has open. */
async function leftIn(db: string): Promise<number> {
  const store = await openSqliteStore({ path: db });
  try {
    return await store.countDeliveries({ filter: { states: ['pending', 'sending', 'held'] } });
  } finally {
    await store.close();
  }
}

class Run extends Told {
  /** Operations whose 202 arrived. */
  readonly accepted = new Set<string>();
  readonly #p: WebhookChaosOptions;
  readonly #random: () => number;
  #next = 0;

  constructor(p: WebhookChaosOptions, random: () => number) {
    super(random);
    this.#p = p;
    this.#random = random;
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

  /**
   * Sends until it is answered, as a careful client does; the idempotency key makes it one
   * operation.
   */
  async #submit(
    base: string,
    p: { readonly marker: string; readonly receiver: string },
  ): Promise<void> {
    const task = this.#random() < 0.8 ? 'quick' : 'flaky';
    const webhook_url = `${p.receiver}/${Math.floor(this.#random() * paths)}`;
    // A third of the flaky ones fail for good, which is delivered as well.
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
        // The server was killed, and is not up yet.
      }
      await sleep(20 + this.#random() * 50);
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
