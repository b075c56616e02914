import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defineTask, TaskError } from 'raincheck';
import { createClient, type Client } from 'raincheck/client';
import { z } from 'zod';
import { reports } from '../../examples/reports/reports.ts';
import { buildDashboard } from '../../scripts/build-dashboard.ts';
import { dashboardFiles } from '../../src/server/dashboard-files.ts';
import type { RaincheckOptions } from '../../src/server/raincheck-options.ts';
import { assembledRaincheck, type Raincheck } from '../../src/server/raincheck.ts';
import { silentLogger } from '../../src/engine/logger.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';

/**
 * A server with the dashboard built from the sources, and tasks that do what a test asks of them.
 */
export type Site = AsyncDisposable & {
  /** The address of the dashboard, with its slash. */
  readonly url: string;
  readonly client: Client;
  readonly rc: Raincheck;
  /** Receives webhooks; answers 503 until `heal`. */
  readonly receiver: WebhookReceiver;
  /** From now on the receiver accepts what it is sent. */
  heal(): void;
  /** Breaks every open connection. */
  hangUp(): void;
  /** Lets `steps` go on to its next step. */
  step(): void;
};

export async function startSite(
  options: Pick<RaincheckOptions, 'basePath' | 'token' | 'tokens'> & {
    readonly dev?: boolean;
    /** Pauses between attempts of a webhook. */
    readonly pauses?: readonly (`${number}ms` | `${number}h`)[];
  } = {},
): Promise<Site> {
  // What was opened is closed again if a later part fails; otherwise the test run would never end.
  await using opened = new AsyncDisposableStack();
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-dashboard-'));
  opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  await buildDashboard(folder);
  const gates: (() => void)[] = [];
  let isHealthy = false;
  const receiver = await WebhookReceiver.open({ react: () => (isHealthy ? 204 : 503) });
  opened.defer(() => receiver.close());
  const { dev = false, pauses = ['1h', '1h'], ...given } = options;
  const rc = assembledRaincheck(
    {
      ...given,
      tasks: tasks(gates),
      store: 'memory:',
      logger: silentLogger,
      concurrency: 16,
      webhooks: {
        httpAllowed: true,
        allowedCidrs: ['127.0.0.1/32'],
        retryPauses: pauses,
        poll: '50ms',
      },
    },
    { app: { dashboard: dashboardFiles(folder), dev } },
  );
  opened.defer(() => rc.stop({ now: true }));
  await rc.start();
  const server = createServer(rc.handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  opened.defer(() => {
    server.close();
    server.closeAllConnections();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}${options.basePath ?? ''}`;
  const { token } = options;
  const all = opened.move();
  return {
    url: `${base}/dashboard/`,
    client: createClient({ baseUrl: base, ...(token === undefined ? {} : { token }) }),
    rc,
    receiver,
    hangUp: () => server.closeAllConnections(),
    heal: () => void (isHealthy = true),
    step: () => gates.shift()?.(),
    async [Symbol.asyncDispose]() {
      for (const open of gates) open();
      await all.disposeAsync();
    },
  };
}

/** Resolves at the next step; a run that is aborted takes no step from others that wait. */
function nextStep(gates: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    gates.push(resolve);
    const leave = (): void => {
      gates.splice(gates.indexOf(resolve), 1);
      reject(new Error('aborted'));
    };
    signal.addEventListener('abort', () => gates.includes(resolve) && leave(), { once: true });
  });
}

function tasks(gates: (() => void)[]) {
  const steps = defineTask('steps', {
    description: 'Goes on when the test says so.',
    input: z.strictObject({ count: z.number().int().min(1).max(20).default(4) }),
    attempts: 1,
    async run({ input, progress, signal }) {
      for (let done = 0; done < input.count; done += 1) {
        progress({ current: done, total: input.count }, `step ${done + 1}`);
        await nextStep(gates, signal);
      }
      return { steps: input.count };
    },
  });
  const picky = defineTask('picky', {
    description: 'Fails unless it is given what is good.',
    input: z.strictObject({
      good: z.boolean(),
      batch: z.number().optional(),
      key: z.string().optional(),
      apiKey: z.string().optional(),
    }),
    redact: ['input.key', 'input.apiKey'],
    attempts: 1,
    run({ input }) {
      if (!input.good) throw new TaskError('This input is no good.', { retryable: false });
      return { good: true, keyChars: input.key?.length ?? 0 };
    },
  });
  const chatty = defineTask('chatty', {
    description: 'Logs at each level, then so many lines, and as many again at each step.',
    input: z.strictObject({ lines: z.number().int(), steps: z.number().int() }),
    async run({ input, log, signal }) {
      log.info('begun', { of: input.lines });
      log.warn('slow today');
      log.error('a page is missing');
      for (let step = 0; step <= input.steps; step += 1) {
        if (step > 0) await nextStep(gates, signal);
        for (let i = 1; i <= input.lines; i += 1) log.info(`line ${i} of step ${step}`);
        log.info(`step ${step} is done`);
      }
    },
  });
  const flaky = defineTask('flaky', {
    input: z.strictObject({ failures: z.number().int() }),
    attempts: 4,
    retry: { base: '20ms', factor: 1, cap: '20ms' },
    run({ input, attempt }) {
      if (attempt <= input.failures) throw new Error(`Upstream answered 503 (attempt ${attempt}).`);
      return { attempt };
    },
  });
  const noop = defineTask('noop', { run: ({ input }) => input ?? null });
  return [reports, steps, picky, chatty, flaky, noop];
}
