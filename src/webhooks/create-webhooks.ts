import { deliveryId } from '../core/id.ts';
import { IdMaker } from '../engine/id-maker.ts';
import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { durationOption } from '../core/options.ts';
import { ownTaskNames } from '../engine/own-tasks.ts';
import type { Logger } from '../engine/logger.ts';
import { Outage } from '../engine/outage.ts';
import type { Task } from '../engine/task.ts';
import type { Store } from '../store/store.ts';
import { createAddressGuard, type AddressGuard } from './address-guard.ts';
import { ProgressSubscribers } from './progress-subscribers.ts';
import type { DeliveryObserver } from './delivery-observer.ts';
import { DeliveryRuntime } from './delivery-runtime.ts';
import { Dispatcher } from './dispatcher.ts';
import { EndpointTests } from './endpoint-tests.ts';
import type { Describe } from './event-body.ts';
import { EventDeliveries } from './event-deliveries.ts';
import { Handshakes } from './handshake.ts';
import { DeliveryActions } from './delivery-actions.ts';
import type { Lookup } from './lookup.ts';
import { createOutbox } from './outbox.ts';
import { ProgressEvents } from './progress-events.ts';
import { createRedriveTask } from './redrive-task.ts';
import { EndpointActions } from './endpoint-actions.ts';
import { refusalReason } from './refused-address.ts';
import { createSender } from './sender.ts';
import { checkSignature } from './signature-check.ts';
import { SigningSecrets } from './signing-secrets.ts';
import { readTarget, type CheckUrl } from './target.ts';
import {
  checkedWebhookSettings,
  type CheckedWebhookSettings,
  type WebhookSettings,
} from './webhook-settings.ts';
import type { Sender, Webhooks } from './webhooks.ts';

export type WebhooksOptions = {
  readonly store: Store;
  readonly settings: WebhookSettings;
  /** Describes the operation in the words of the HTTP API. Called in the store's commits. */
  readonly describe: Describe;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sent to receivers. */
  readonly userAgent: string;
  /** Names that the `tasks` of an endpoint may hold. Default: any. */
  readonly taskNames?: readonly string[];
  /** Uniform in [0, 1), for the jitter. Default Math.random. */
  readonly random?: () => number;
  /** Resolves the names of receivers. Default: the machine's name servers. */
  readonly lookup?: Lookup;
  /** Called after each attempt. Default: not called. */
  readonly observer?: DeliveryObserver;
  /**
   * The name by which endpoints are asked for their consent, unless `webhooks.origin` gives
   * another. Default: none.
   */
  readonly origin?: string;
  /** Makes the attempts. Default: HTTP through the guard. */
  readonly sender?: Sender;
};

/** Webhooks, with their own tasks that the engine is to run. */
export type ComposedWebhooks = Webhooks & { readonly tasks: readonly Task[] };

const drainMsDefault = 10_000;
const drainMsMax = 86_400_000;

type Parts = WebhooksOptions & {
  readonly checked: CheckedWebhookSettings;
  readonly guard: AddressGuard;
  readonly ids: IdMaker;
  /** Called when there is something to send. */
  readonly wrote: () => void;
};

/**
 * Webhooks over `store`. Everything works at once except sending, which begins with start(). The
 * caller closes the store, after stop(). Throws `invalid_option`.
 */
export function createWebhooks(options: WebhooksOptions): ComposedWebhooks {
  const { store, clock, settings } = options;
  const checked = checkedWebhookSettings(settings);
  const guard = createAddressGuard({
    policy: checked.policy,
    clock,
    ...(options.lookup !== undefined && { lookup: options.lookup }),
    refused: (address) => {
      const reason = refusalReason(checked.policy, address);
      // Clients can cause as many of these as they like, so this is no warning.
      if (reason !== null) options.logger.info({}, `Webhook address refused: ${reason}.`);
    },
  });
  const checkUrl: CheckUrl = (text, pointer) => guard.resolveAndCheck(text, pointer);
  const ids = new IdMaker(deliveryId);
  const wrote = (): void => sending.dispatcher.wake();
  const parts: Parts = { ...options, checked, guard, ids, wrote };
  const events = eventParts(parts);
  const tests = new EndpointTests({ store, clock, ids, attemptMs: checked.attemptMs, wrote });
  const sending = sendingParts(parts, { events, tests });
  const deliveries = new DeliveryActions({ store, clock, wrote });
  const origin = checked.origin ?? options.origin ?? null;
  const handshakes = new Handshakes({ sender: sending.sender, clock, origin: origin ?? '' });
  const endpoints = new EndpointActions({
    store,
    clock,
    checkUrl,
    taskNames:
      options.taskNames === undefined
        ? null
        : [...options.taskNames, ...Object.values(ownTaskNames)],
    configured: checked.secrets,
    origin,
    handshakes,
    changed: (tenant) => {
      events.subscribers.changed(tenant);
      wrote(); // an endpoint that was enabled again may have deliveries waiting
    },
  });
  return {
    outbox: events.outbox,
    tell: events.progress.tell,
    tasks: [createRedriveTask({ store, clock, wrote })],
    start: () => sending.runtime.start(),
    stop: (p = {}) => {
      handshakes.stop();
      return sending.runtime.stop({ drainMs: drainOption(p.drainMs), now: p.now ?? false });
    },
    target: (p) => readTarget(p, checkUrl),
    createEndpoint: (p) => endpoints.create(p),
    updateEndpoint: (p) => endpoints.update(p),
    readEndpoint: (p) => endpoints.read(p),
    listEndpoints: (p) => store.listEndpoints(p),
    validateEndpoint: (p) => endpoints.validate(p),
    removeEndpoint: (p) => endpoints.remove(p),
    testEndpoint: async (p) => tests.test((await endpoints.read(p)).endpoint),
    listSecrets: (p) => endpoints.listSecrets(p),
    rotateSecret: (p) => endpoints.rotateSecret(p),
    readDelivery: (p) => deliveries.read(p),
    readOperationDelivery: (p) => store.readOperationDelivery(p),
    listDeliveries: (p) => store.listDeliveries(p),
    listAttempts: (p) => deliveries.listAttempts(p),
    countDeliveries: (p) => store.countDeliveries(p),
    redeliver: (p) => deliveries.redeliver(p),
    discard: (p) => deliveries.discard(p),
    checkSignature: (p) => checkSignature({ store, clock, configured: checked.secrets }, p),
  };
}

/** Makes deliveries: the outbox of final states, and events before the end. */
function eventParts(p: Parts) {
  const { store, clock, logger, ids, wrote, describe, checked } = p;
  const deliveries = new EventDeliveries({
    ids,
    describe,
    failuresMax: checked.pausesMs.length + 1,
  });
  const subscribers = new ProgressSubscribers({
    store,
    clock,
    outage: new Outage(logger, 'read who asks for started and progress events'),
  });
  const progress = new ProgressEvents({
    store,
    clock,
    deliveries,
    subscribers,
    outage: new Outage(logger, 'tell of starts and progress'),
    wrote,
  });
  const ended = (id: string): void => progress.ended(id);
  return { subscribers, progress, outbox: createOutbox({ deliveries, ended, wrote }) };
}

/** Sends the deliveries. */
function sendingParts(
  p: Parts,
  { events, tests }: { events: ReturnType<typeof eventParts>; tests: EndpointTests },
) {
  const { store, clock, logger, guard, userAgent, checked } = p;
  const { attemptMs, connectMs } = checked;
  const sender = p.sender ?? createSender({ guard, clock, userAgent, attemptMs, connectMs });
  const secrets = new SigningSecrets({ store, clock, configured: checked.secrets });
  const dispatcher = new Dispatcher({
    store,
    clock,
    logger,
    sender,
    settings: checked,
    random: p.random ?? Math.random,
    observer: p.observer ?? (() => undefined),
    secretsOf: (claimed) => secrets.of(claimed),
    worker: `d_${randomBytes(9).toString('base64url')}`,
    ended: (id) => tests.ended(id),
  });
  const stopped = (): void => events.progress.stop();
  const runtime = new DeliveryRuntime({ store, clock, logger, dispatcher, sender, stopped });
  return { dispatcher, runtime, sender };
}

function drainOption(drainMs: number | undefined): number {
  return durationOption('drainMs', drainMs, {
    minMs: 0,
    maxMs: drainMsMax,
    fallback: drainMsDefault,
  });
}
