import type { Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import type { Logger } from '../engine/logger.ts';
import type { Service } from '../engine/service.ts';
import type { Store } from '../store/store.ts';
import { createDeliverySweeper, recoverDeliveries } from './delivery-sweeper.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Sender } from './webhooks.ts';

type DeliveryRuntimeParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly dispatcher: Dispatcher;
  readonly sender: Sender;
  /** Stops the other parts. */
  readonly stopped: () => void;
};

/**
 * The half of webhooks that sends: dispatcher and sweeper, started after recovery and stopped in
 * reverse order.
 */
export class DeliveryRuntime {
  readonly #p: DeliveryRuntimeParts;
  readonly #sweeper: Service<unknown>;
  readonly #sweeping: Parameters<typeof recoverDeliveries>[0];
  readonly #cutShort = new AbortController();
  #stopListening = (): void => undefined;
  #starting: Promise<void> | null = null;
  #stopping: Promise<void> | null = null;

  constructor(p: DeliveryRuntimeParts) {
    this.#p = p;
    this.#sweeping = {
      ...p,
      cutOffOverdue: () => p.dispatcher.cutOffOverdue(),
      wrote: () => p.dispatcher.wake(),
    };
    this.#sweeper = createDeliverySweeper(this.#sweeping);
  }

  /** Idempotent; may be called again after it failed. */
  start(): Promise<void> {
    if (this.#stopping !== null) {
      const stopped = 'These webhooks were stopped; make new ones.';
      return Promise.reject(new RaincheckError('shutting_down', stopped));
    }
    this.#starting ??= this.#start().catch((error: unknown) => {
      this.#starting = null;
      throw error;
    });
    return this.#starting;
  }

  async stop(p: { readonly drainMs: number; readonly now: boolean }): Promise<void> {
    if (p.now || p.drainMs === 0) this.#cutShort.abort();
    this.#stopping ??= this.#stop(p.drainMs);
    await this.#stopping;
  }

  async #start(): Promise<void> {
    const { dispatcher, logger, store } = this.#p;
    const recovered = await recoverDeliveries(this.#sweeping);
    if (recovered > 0) logger.info({ recovered }, 'Recovered deliveries of former processes.');
    if (this.#stopping !== null) return; // stopped meanwhile
    this.#sweeper.start();
    dispatcher.start();
    // Other processes share this store: what they wrote is found at a hint, or else at the next
    // poll.
    const stop = store.hints?.listen(({ type }) => {
      if (type === 'ready') dispatcher.wake();
    });
    if (stop !== undefined) this.#stopListening = stop;
  }

  async #stop(drainMs: number): Promise<void> {
    const { dispatcher, sender, stopped } = this.#p;
    this.#stopListening();
    stopped();
    await dispatcher.stop();
    await dispatcher.idleWithin(drainMs, this.#cutShort.signal);
    dispatcher.giveUp();
    await this.#sweeper.stop();
    await sender.close();
  }
}
