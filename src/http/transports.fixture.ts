import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import { TaskError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { createEngine } from '../engine/create-engine.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine } from '../engine/engine.ts';
import { file } from '../engine/file.ts';
import { silentLogger } from '../engine/logger.ts';
import { systemClock } from '../engine/system-clock.ts';
import type { Store } from '../store/store.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { loopbackCidrs } from '../webhooks/address-policy.ts';
import { createWebhooks, type WebhooksOptions } from '../webhooks/create-webhooks.ts';
import type { WebhookSettings } from '../webhooks/webhook-settings.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import { createAccess } from './access.ts';
import { createApp, type App, type AppOptions } from './app.ts';
import type { HttpContext } from './context.ts';
import { fetchHandler } from './fetch-adapter.ts';
import { createHttpServer, type HttpServerOptions } from './node-server.ts';

const repository = path.join(import.meta.dirname, '..', '..');

/** Headers and body that the suites send through both adapters. */
export type Sent = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
};

export class Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;

  constructor(status: number, headers: Headers, bytes: Buffer) {
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into JSON freely
  get json(): any {
    return JSON.parse(this.text);
  }
}

export type Send = (method: string, target: string, sent?: Sent) => Promise<Answer>;

export type Transport = {
  readonly name: string;
  readonly open: (app: App) => Promise<{ send: Send; close: () => Promise<void> }>;
};

export const viaFetch: Transport = {
  name: 'through fetch',
  async open(app) {
    const handle = fetchHandler(app);
    return {
      async send(method, target, sent = {}) {
        const init = { method, headers: sent.headers ?? {}, body: sent.body ?? null };
        const url = `http://raincheck.test${target}`;
        const response = await handle(new Request(url, init));
        const bytes = Buffer.from(await response.arrayBuffer());
        return new Answer(response.status, response.headers, bytes);
      },
      close: async () => undefined,
    };
  },
};

export const viaNode: Transport = {
  name: 'through node:http',
  async open(app) {
    const { port, close } = await listening(app);
    const agent = new Agent({ keepAlive: true });
    return {
      send: (method, target, sent = {}) => overHttp({ port, agent, method, target, sent }),
      async close() {
        agent.destroy();
        await close();
      },
    };
  },
};

export const transports: readonly Transport[] = [viaFetch, viaNode];

export async function listening(
  app: App,
  options: HttpServerOptions = {},
): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createHttpServer(app, options);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function overHttp(p: {
  port: number;
  agent: Agent;
  method: string;
  target: string;
  sent: Sent;
}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = httpRequest({
      host: '127.0.0.1',
      port: p.port,
      agent: p.agent,
      method: p.method,
      path: p.target,
      headers: p.sent.headers ?? {},
    });
    req.on('error', reject);
    req.on('response', (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk: Buffer) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        const headers = new Headers();
        for (let i = 0; i < res.rawHeaders.length; i += 2) {
          headers.append(res.rawHeaders[i]!, res.rawHeaders[i + 1]!);
        }
        resolve(new Answer(res.statusCode!, headers, Buffer.concat(chunks)));
      });
    });
    req.end(p.sent.body);
  });
}

/** An engine with tasks for every outcome of an operation. */
export type Kit = {
  readonly store: Store;
  readonly engine: Engine;
  readonly webhooks: Webhooks;
  readonly app: App;
  /** Releases the `held` handlers, now and later. */
  release(): void;
  stop(): Promise<void>;
};

export const digits = '0123456789';

/**
 * Webhooks may go to this machine, and are given up after three attempts within some milliseconds.
 */
export const webhookSettings: WebhookSettings = {
  httpAllowed: true,
  allowedCidrs: loopbackCidrs,
  retryPauses: ['1ms', '1ms'],
  poll: '50ms',
};

export async function kit(
  options: Partial<AppOptions> = {},
  ofWebhooks: Partial<WebhooksOptions> = {},
): Promise<Kit> {
  const gate = Promise.withResolvers<void>();
  const tasks = [
    defineTask('echo', { run: ({ input }) => ({ echo: input }) }),
    defineTask('talks', {
      run: ({ log }) => {
        log.info('Begun.', { page: 1 });
        log.warn('Slow.');
        return null;
      },
    }),
    defineTask('held', {
      path: '/slow/held',
      estimate: '5s',
      async run({ signal }) {
        const aborted = new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
        await Promise.race([gate.promise, aborted]);
        return 'released';
      },
    }),
    defineTask('broken', {
      run() {
        throw new TaskError('The printer has no paper.', {
          retryable: false,
          status: 422,
          title: 'Out of paper',
          type: 'https://example.com/paper',
        });
      },
    }),
    defineTask('uphill', {
      attempts: 2,
      retry: { base: '1d', cap: '1d' },
      run() {
        throw new Error('Upstream 503');
      },
    }),
    defineTask('digits', {
      run: () => file(digits, { type: 'text/plain; charset=utf-8', name: 'Zahlen ü.txt' }),
    }),
    defineTask('evil', {
      run: () => file('x', { name: 'a"\r\nSet-Cookie: evil=1\r\n\r\n<script>' }),
    }),
    defineTask('nothing', { run: () => file('') }),
    defineTask('big', { run: () => ({ list: Array.from({ length: 200_000 }, (_, i) => i) }) }),
    defineTask('huge', { run: () => file(Buffer.alloc(32 * 1_048_576)) }),
    defineTask('strict', {
      description: 'Takes a date range.',
      input: z.object({ from: z.string(), days: z.number().int().min(1) }),
      run: ({ input }) => input.days,
    }),
    defineTask('capped', { pendingMax: 1, run: () => gate.promise.then(() => null) }),
  ];
  const store = memoryStore();
  const { clock = systemClock } = ofWebhooks;
  const webhooks = createWebhooks({
    store,
    settings: webhookSettings,
    describe: (operation) => app.describe(operation),
    clock,
    logger: silentLogger,
    userAgent: 'raincheck-test',
    origin: 'raincheck.example',
    taskNames: tasks.map((task) => task.name),
    ...ofWebhooks,
  });
  const { outbox, tell, tasks: builtInTasks } = webhooks;
  const engine = createEngine({ store, clock, tasks, builtInTasks, outbox, tell });
  const app = createApp({ engine, webhooks, ...options });
  await engine.start();
  await webhooks.start();
  return {
    store,
    engine,
    webhooks,
    app,
    release: () => gate.resolve(),
    async stop() {
      gate.resolve();
      await engine.stop({ now: true });
      await webhooks.stop({ now: true });
    },
  };
}

/** The context that createApp makes without options. */
export function contextOf({ engine, webhooks }: Pick<Kit, 'engine' | 'webhooks'>): HttpContext {
  return {
    engine,
    webhooks,
    basePath: '',
    publicOrigin: null,
    access: createAccess({}),
    allowedOrigins: [],
    logger: silentLogger,
    metrics: null,
    bodyBytesMax: limits.bodyBytes,
    dashboard: null,
    dev: false,
    version: '0',
  };
}

export function assertProblem(answer: Answer, code: string): void {
  assert.equal(answer.headers.get('content-type'), 'application/problem+json', answer.text);
  const problem = answer.json;
  assert.equal(problem.code, code, answer.text);
  assert.equal(problem.status, answer.status);
  assert.ok(problem.title.length > 0 && problem.detail.length > 0);
  assert.doesNotMatch(answer.text, /node:|\.ts\b|\bat [A-Z]\w+\.|SELECT|node_modules/);
  assert.ok(!answer.text.includes(repository), answer.text);
  if ([429, 503].includes(answer.status)) {
    assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
  }
}
