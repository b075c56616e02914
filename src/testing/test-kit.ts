// oxlint-disable-next-line no-unassigned-import -- for what it does, and first
import '../server/required-node.ts';
import { setImmediate as turn } from 'node:timers/promises';
import { timerMsMax, type Clock } from '../core/clock.ts';
import { isFinal } from '../core/operation.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { createClient, type Client } from '../client/client.ts';
import type { Engine } from '../engine/engine.ts';
import { silentLogger } from '../engine/logger.ts';
import type { Task } from '../engine/task.ts';
import type { RaincheckOptions } from '../server/raincheck-options.ts';
import { assembledRaincheck, type Raincheck } from '../server/raincheck.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import { WebhookCapture, type CapturedWebhooks } from './captured-webhooks.ts';
import { ManualClock } from './manual-clock.ts';

/** Options of raincheck(), without those that the kit sets itself. */
export type TestKitOptions<Tasks extends readonly Task[] = readonly Task[]> = Omit<
  RaincheckOptions<Tasks>,
  'store' | 'clock' | 'token' | 'publicUrl'
> & {
  /** Where the clock stands at first, in ms. Default 2026-01-01. */
  readonly now?: number;
};

/** Result of testKit(). Disposing of it stops `rc` at once: `await using`. */
export type TestKit<Tasks extends readonly Task[] = readonly Task[]> = AsyncDisposable & {
  /** A started instance on a store in memory; not the one that was passed in. */
  readonly rc: Raincheck<Tasks>;
  /**
   * Stands still except for `advance`, and for `finished` where an operation waits for its time.
   */
  readonly clock: ManualClock;
  /** Every webhook that would have been sent. */
  readonly webhooks: CapturedWebhooks;
  /**
   * A client typed by the tasks, without a network: it calls `rc.fetch`. Its timeouts and pauses
   * use the kit's clock.
   */
  readonly client: Client<Raincheck<Tasks>>;
  /**
   * The operation once it is final. Waits for its handler, whatever that does, and moves the clock
   * to where the operation is due: over a delay and over every back-off. Rejects when its task is
   * paused.
   */
  finished(operation: string | { readonly id: string }): Promise<WireOperation>;
};

const tenant = '';
/** The name leads nowhere, because no request leaves the process. */
const origin = 'http://raincheck.test';

/**
 * Runs your tasks on a store in memory, with a clock that you move and webhook receivers that only
 * record. So a test of what takes hours, or needs a receiver that fails, takes milliseconds and
 * needs no sleep.
 *
 *   await using t = await testKit({ tasks: [reports] });   // or testKit(rc), for its tasks and basePath
 *   const operation = await t.client.submit('reports', input);
 *   await t.clock.advance('11m');
 *
 * Only Raincheck's time is simulated: timeouts, back-offs, delays, retention, deliveries. A handler
 * that sets its own timers or does I/O takes real time; `finished` waits for it, `advance` does
 * not. Webhooks may be sent to every address: the settings that restrict them are ignored. Throws
 * as raincheck() does.
 */
export async function testKit<const Tasks extends readonly Task[]>(
  app: Raincheck<Tasks> | TestKitOptions<Tasks>,
): Promise<TestKit<Tasks>> {
  const { now, webhooks: settings, ...options } = optionsOf(app);
  const clock = new ManualClock(now);
  const webhooks = new WebhookCapture(clock);
  const rc = assembledRaincheck<Tasks>(
    {
      logger: silentLogger,
      ...options,
      store: memoryStore(),
      clock,
      webhooks: settings === false ? false : { poll, ...settings, ...anywhere },
    },
    {
      webhooks: {
        sender: webhooks.sender,
        lookup: async () => ['192.0.2.1'],
        random: () => 0.5,
      },
      engine: { poll },
    },
  );
  await rc.start();
  const client = createClient<Raincheck<Tasks>>({
    baseUrl: `${origin}${rc.app.basePath}`,
    fetch: (input, init) => rc.fetch(new Request(input, init)),
    clock: clientClock(clock),
  });
  return {
    rc,
    clock,
    webhooks,
    client,
    async finished(operation) {
      const id = typeof operation === 'string' ? operation : operation.id;
      await untilFinal(rc.engine, clock, id);
      return client.operation(id).status();
    },
    async [Symbol.asyncDispose]() {
      await rc.stop({ now: true });
    },
  };
}

/**
 * How often to look for changes by other processes. There are none, and a day has enough seconds
 * without them.
 */
const poll = '1m';
/**
 * The client's pauses use the kit's clock, except those that only keep a loop from spinning: none
 * of these must wait for an advance.
 */
function clientClock(clock: ManualClock): Clock {
  return {
    now: () => clock.now(),
    sleep: (ms, signal) => (ms <= 250 ? turn() : clock.sleep(ms, signal)),
  };
}

const anywhere = { httpAllowed: true, allowedCidrs: ['0.0.0.0/0', '::/0'] };

function optionsOf<Tasks extends readonly Task[]>(
  app: Raincheck<Tasks> | TestKitOptions<Tasks>,
): TestKitOptions<Tasks> {
  return 'app' in app ? { tasks: app.tasks, basePath: app.app.basePath } : app;
}

async function untilFinal(engine: Engine, clock: ManualClock, id: string): Promise<void> {
  for (;;) {
    const operation = await engine.read({ id, tenant });
    const { version, readyAt, state, task } = operation;
    if (isFinal(state)) return;
    if (state !== 'running') {
      const records = await engine.taskRecords();
      if (records.some((record) => record.task === task && record.paused)) {
        throw new Error(`The task '${task}' is paused: ${id} waits until it is resumed.`);
      }
      if (readyAt > clock.now()) {
        await clock.advance(readyAt - clock.now());
        continue;
      }
    }
    await engine.waitFor({ id, tenant, until: 'change', version, timeoutMs: timerMsMax });
  }
}
