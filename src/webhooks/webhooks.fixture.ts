import type { TestContext } from 'node:test';
import type { AttemptResult, Delivery, WebhookEvent } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import type { Operation } from '../core/operation.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine, EngineOptions, Submission } from '../engine/engine.ts';
import { collectingLogger, type LogLine } from '../engine/engine.fixture.ts';
import type { Task } from '../engine/task.ts';
import { createApp, type App } from '../http/app.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { DeliveryFilter } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createWebhooks, type ComposedWebhooks } from './create-webhooks.ts';
import type { WebhookSettings } from './webhook-settings.ts';
import type { AskRequest, Sender, SendRequest } from './webhooks.ts';

/** What the tests of webhooks share. */

/** One attempt as a scripted receiver saw it. */
export type Sent = SendRequest & {
  readonly at: number;
  /** The number of this attempt of its delivery, from 1. */
  readonly nth: number;
};

/** The receiver's answer: a status, or a whole result. */
export type Answer = number | AttemptResult;
export type Script = (sent: Sent) => Answer | Promise<Answer>;

export function result(p: Partial<AttemptResult> = {}): AttemptResult {
  return {
    delivered: false,
    answer: null,
    error: null,
    detail: null,
    timings: null,
    endpointFault: false,
    retryAfterAt: null,
    disable: null,
    abort: false,
    ...p,
  };
}

/** The result that the sender would return. */
export function answered(status: number, more: Partial<AttemptResult> = {}): AttemptResult {
  const delivered = status >= 200 && status <= 299;
  return result({
    delivered,
    answer: { status, headers: {}, excerpt: null },
    error: delivered ? null : `http_${status}`,
    endpointFault: status >= 500 || status === 429,
    disable: status === 410 ? 'gone' : null,
    ...more,
  });
}

/**
 * A sender without a network, which records its requests and checks that no delivery is sent twice
 * at once.
 */
export class ScriptedSender implements Sender {
  readonly sent: Sent[] = [];
  readonly underWay = new Set<string>();
  readonly overlaps: string[] = [];
  peak = 0;
  isClosed = false;
  readonly asked: AskRequest[] = [];
  /** The answer of an endpoint that is asked for its consent. */
  consent: (request: AskRequest) => AttemptResult | Promise<AttemptResult> = () => answered(405);
  readonly #script: Script;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock, script: Script) {
    this.#clock = clock;
    this.#script = script;
  }

  async send(request: SendRequest): Promise<AttemptResult> {
    const nth = this.sent.filter(({ id }) => id === request.id).length + 1;
    const sent: Sent = { ...request, at: this.#clock.now(), nth };
    this.sent.push(sent);
    if (this.underWay.has(request.id)) this.overlaps.push(request.id);
    this.underWay.add(request.id);
    this.peak = Math.max(this.peak, this.underWay.size);
    const aborted = new Promise<Answer>((resolve) => {
      const calledOff = (): void => resolve(result({ error: 'timeout', detail: 'Called off.' }));
      request.signal.addEventListener('abort', calledOff);
    });
    const answer = await Promise.race([this.#script(sent), aborted]);
    this.underWay.delete(request.id);
    return typeof answer === 'number' ? answered(answer) : answer;
  }

  async ask(request: AskRequest): Promise<AttemptResult> {
    this.asked.push(request);
    return this.consent(request);
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

export type WebhooksFixture = {
  readonly webhooks: ComposedWebhooks;
  readonly engine: Engine;
  readonly app: App;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly lines: LogLine[];
  readonly sender: ScriptedSender;
  readonly sent: readonly Sent[];
  /** Submits an operation, runs it to its end, and returns it. */
  complete(p?: Partial<Submission> & { readonly url?: string }): Promise<Operation>;
  /** Newest first. */
  deliveries(filter?: DeliveryFilter): Promise<readonly Delivery[]>;
  register(body?: object): Promise<Endpoint>;
  /** Moves the clock to `at` in one step and wakes everything that should have woken since. */
  jumpTo(at: number): Promise<void>;
};

export const hook = 'https://hooks.example/raincheck';

export function target(url = hook, events?: readonly WebhookEvent[]): Submission['webhook'] {
  return {
    url,
    events: events ?? ['operation.completed', 'operation.failed'],
    headers: {},
    secret: null,
  };
}

const quick = defineTask('quick', {
  retry: { base: 1, cap: 1 },
  attempts: 1,
  run: ({ input }) => {
    if (input === 'fail') throw new Error('as it was told to');
    return input;
  },
});

type FixtureOptions = {
  readonly script?: Script;
  readonly settings?: WebhookSettings;
  readonly tasks?: readonly Task[];
  readonly store?: Store;
  readonly clock?: ManualClock;
  readonly engine?: Partial<EngineOptions>;
  /** Without it deliveries wait unsent. Default true. */
  readonly start?: boolean;
  /** Default 0.5: no jitter. */
  readonly random?: () => number;
};

/**
 * Engine, webhooks and app over a memory store, composed as the server does it; stopped when the
 * test ends.
 */
export async function webhooksFixture(
  t: TestContext,
  p: FixtureOptions = {},
): Promise<WebhooksFixture> {
  const clock = p.clock ?? new ManualClock();
  const store = p.store ?? memoryStore();
  const { logger, lines } = collectingLogger();
  const sender = new ScriptedSender(clock, p.script ?? (() => 200));
  const tasks = p.tasks ?? [quick];
  const webhooks = createWebhooks({
    store,
    clock,
    logger,
    sender,
    settings: { poll: '60s', allowedHosts: ['*.example'], ...p.settings },
    describe: (operation) => app.describe(operation),
    userAgent: 'raincheck/test',
    taskNames: tasks.map(({ name }) => name),
    random: p.random ?? (() => 0.5),
    lookup: async () => ['192.0.2.1'],
  });
  const { outbox, tell, tasks: builtInTasks } = webhooks;
  const engine = createEngine({
    store,
    clock,
    logger,
    tasks,
    outbox,
    tell,
    builtInTasks,
    random: () => 0.5,
    ...p.engine,
  });
  const app = createApp({ engine, webhooks, logger });
  t.after(async () => {
    await engine.stop({ now: true });
    await webhooks.stop({ now: true });
  });
  await engine.start();
  if (p.start !== false) await webhooks.start();
  return {
    webhooks,
    engine,
    app,
    store,
    clock,
    lines,
    sender,
    sent: sender.sent,
    async complete({ url, ...more } = {}) {
      const input = { value: null, text: 'null' };
      const webhook = target(url);
      const submission = { task: tasks[0]?.name ?? '', tenant: '', input, webhook, ...more };
      const { operation } = await engine.submit(submission);
      const { id, version } = operation;
      const final = { id, version, tenant: '', until: 'final', timeoutMs: 3_600_000 } as const;
      return engine.waitFor(final);
    },
    async deliveries(filter = {}) {
      const page = await store.listDeliveries({ filter, limit: 200, beforeId: null });
      return page.deliveries;
    },
    async register(body = {}) {
      const given = { url: hook, ...body };
      return (await webhooks.createEndpoint({ tenant: '', body: given })).endpoint;
    },
    async jumpTo(at) {
      clock.stall(at - clock.now());
      await clock.advance(0);
    },
  };
}
