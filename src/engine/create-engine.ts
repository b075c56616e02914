import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { durationOption } from '../core/options.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import { StatsRing } from '../core/stats-ring.ts';
import { Acceptor } from './acceptor.ts';
import { createBatchTasks } from './batch-task.ts';
import { Activity } from './activity.ts';
import { engineSettings, type EngineSettings } from './engine-settings.ts';
import type { Engine, EngineOptions, OperationKey } from './engine.ts';
import { Estimates } from './estimates.ts';
import { Feed } from './feed.ts';
import { searchable, shownInput } from './redaction.ts';
import { LogFollowers } from './log-followers.ts';
import { Readiness } from './readiness.ts';
import { Runtime } from './runtime.ts';
import type { StatsWindow } from './stats.ts';
import type { Task } from './task.ts';
import { Waiters } from './waiters.ts';
import { Watchers } from './watchers.ts';

const drainMsDefault = 10_000;

/**
 * Makes the engine over `store`. It accepts and answers at once, and runs operations after start().
 * The caller must close the store, after stop(). Throws `invalid_option`.
 */
export function createEngine(options: EngineOptions): Engine {
  const batches = createBatchTasks({ store: options.store, engine: () => engine });
  const builtInTasks = [...(options.builtInTasks ?? []), ...batches];
  const engine = new RaincheckEngine(engineSettings({ ...options, builtInTasks }));
  return engine;
}

class RaincheckEngine implements Engine {
  readonly #s: EngineSettings;
  readonly #estimates: Estimates;
  readonly #activity: Activity;
  readonly #runtime: Runtime;
  readonly #acceptor: Acceptor;
  readonly #waiters: Waiters;
  readonly #watchers: Watchers;
  readonly #feed: Feed;
  readonly #logs: LogFollowers;
  readonly #readiness: Readiness;

  constructor(settings: EngineSettings) {
    const { store, clock, pendingMax, pollMs } = settings;
    this.#s = settings;
    this.#estimates = new Estimates(settings);
    this.#readiness = new Readiness(store, clock);
    this.#waiters = new Waiters({ clock, pollMs, read: (id) => this.#existing(id) });
    this.#watchers = new Watchers({
      clock,
      wait: (p) => this.#waiters.wait({ ...p, until: 'change' }),
    });
    this.#feed = new Feed(settings);
    const ring = new StatsRing();
    this.#activity = new Activity({
      clock,
      isAlone: store.capabilities.singleProcess,
      ring,
      observer: settings.observer,
    });
    this.#logs = new LogFollowers(settings);
    this.#runtime = new Runtime({
      settings,
      ring,
      activity: this.#activity,
      estimates: this.#estimates,
      changed: (id) => this.#changed(id),
      logged: (id) => this.#logs.notify(id),
      hinted: () => this.#feed.hinted(),
    });
    this.#acceptor = new Acceptor({
      store,
      clock,
      pendingMax,
      task: (name) => this.#task(name),
      offer: (task, readyAt) => this.#runtime.offer(task, readyAt),
      createCalled: (readyAt) => this.#runtime.accepted(readyAt),
      createCommitted: (operation) => {
        this.#estimates.submitted(operation);
        this.#feed.changed(operation.id);
        this.#activity.submitted(operation);
      },
      retryAfterSeconds: (task) => this.#retryAfterSeconds(task),
    });
  }

  get tasks(): Engine['tasks'] {
    return this.#s.tasks;
  }

  get clock(): Engine['clock'] {
    return this.#s.clock;
  }

  start(): Promise<void> {
    return this.#runtime.start();
  }

  listen(): void {
    this.#runtime.listen();
  }

  async stop(p: { readonly drainMs?: number; readonly now?: boolean } = {}): Promise<void> {
    const drainMs = durationOption('drainMs', p.drainMs, {
      minMs: 0,
      maxMs: 86_400_000,
      fallback: drainMsDefault,
    });
    await this.#runtime.stop({ drainMs, now: p.now ?? false });
    this.#watchers.close();
    this.#feed.close();
    this.#logs.close();
    this.#waiters.close();
  }

  async ready(): Promise<void> {
    this.#refuseWhenStopping();
    await this.#readiness.ask();
  }

  async submit(p: Parameters<Engine['submit']>[0]): ReturnType<Engine['submit']> {
    this.#refuseWhenStopping();
    return this.#acceptor.submit(p);
  }

  async findReplay(p: Parameters<Engine['findReplay']>[0]): Promise<Operation | null> {
    this.#refuseWhenStopping();
    return this.#acceptor.findReplay(p);
  }

  async retry(p: Parameters<Engine['retry']>[0]): ReturnType<Engine['retry']> {
    this.#refuseWhenStopping();
    return this.#acceptor.retry(await this.read(p), p);
  }

  async read(p: OperationKey): Promise<Operation> {
    const operation = await this.#s.store.readOperation({ id: p.id });
    if (operation !== null && operation.tenant === p.tenant) return operation;
    throw operation === null ? await this.#missing(p.id) : notFound(p.id);
  }

  async waitFor(p: Parameters<Engine['waitFor']>[0]): Promise<Operation> {
    const operation = await this.read(p);
    if (isFinal(operation.state)) return operation;
    if (p.until === 'change' && operation.version !== p.version) return operation;
    return this.#waiters.wait(p);
  }

  watch(p: Parameters<Engine['watch']>[0]): ReturnType<Engine['watch']> {
    return this.#watchers.watch(p.operation, p.signal);
  }

  feed({
    signal,
    holder = null,
    ...filter
  }: Parameters<Engine['feed']>[0]): ReturnType<Engine['feed']> {
    return this.#feed.watch(filter, { signal, holder });
  }

  async cancel(p: OperationKey): ReturnType<Engine['cancel']> {
    await this.read(p);
    const { store, clock, outbox } = this.#s;
    const outcome = await store.requestCancel({ id: p.id, outbox, now: clock.now() });
    if (outcome.outcome === 'missing') throw await this.#missing(p.id);
    if (outcome.outcome === 'requested') this.#runtime.cancelHere(p.id);
    // A cancelled operation may have blocked others: a parked key, a full queue.
    if (outcome.outcome === 'cancelled') {
      this.#estimates.withdrawn(p.id);
      this.#activity.ended(outcome.operation);
      this.#runtime.wake();
    }
    if (outcome.outcome !== 'already_final') this.#changed(p.id);
    return outcome;
  }

  async remove(p: OperationKey): Promise<'removed' | 'cancel_requested'> {
    const operation = await this.read(p);
    if (isFinal(operation.state)) {
      const now = this.#s.clock.now();
      const goneUntil = now + operation.retentionMs;
      const outcome = await this.#s.store.removeOperation({ id: p.id, now, goneUntil });
      if (outcome === 'missing') throw await this.#missing(p.id);
      this.#waiters.notify(p.id);
      if (outcome === 'removed') return 'removed';
    }
    await this.cancel(p);
    return 'cancel_requested';
  }

  async list(p: Parameters<Engine['list']>[0]): ReturnType<Engine['list']> {
    if (!Number.isInteger(p.limit) || p.limit < 1 || p.limit > limits.pageSizeMax) {
      throw new RaincheckError(
        'invalid_request',
        `\`limit\` must be a whole number from 1 to ${limits.pageSizeMax}.`,
      );
    }
    const filter = searchable(p.filter, this.#s.allTasks);
    return this.#s.store.listOperations({ ...p, filter });
  }

  async attempts(p: OperationKey): ReturnType<Engine['attempts']> {
    await this.read(p);
    return this.#s.store.listAttempts({ id: p.id });
  }

  async readInput(p: OperationKey): Promise<string> {
    const { task } = await this.read(p);
    const text = await this.#s.store.readInput({ id: p.id });
    if (text === null) throw new RaincheckError('operation_gone', `Operation ${p.id} was removed.`);
    return shownInput(this.#s.allTasks.get(task), text);
  }

  async logs({
    id,
    tenant,
    after,
    limit,
  }: Parameters<Engine['logs']>[0]): ReturnType<Engine['logs']> {
    await this.read({ id, tenant });
    return this.#s.store.readLogs({ id, after, limit });
  }

  followLogs(p: Parameters<Engine['followLogs']>[0]): ReturnType<Engine['followLogs']> {
    return this.#logs.follow(p);
  }

  readResult(p: Parameters<Engine['readResult']>[0]): AsyncIterable<Uint8Array> {
    return this.#s.store.readResult(p);
  }

  async taskRecords(): ReturnType<Engine['taskRecords']> {
    return this.#s.store.readTasks();
  }

  async setTaskPaused(p: Parameters<Engine['setTaskPaused']>[0]): Promise<void> {
    if (!this.#s.tasks.has(p.task)) throw unknownTask(p.task);
    await this.#s.store.setTaskPaused(p);
    this.#estimates.setPaused(p.task, p.paused);
    if (!p.paused) this.#runtime.wake();
  }

  estimate(operation: Operation): ReturnType<Engine['estimate']> {
    return this.#estimates.estimate(operation);
  }

  pollWait(operation: Operation): ReturnType<Engine['pollWait']> {
    return this.#estimates.pollWait(operation);
  }

  taskEstimates(name: string): ReturnType<Engine['taskEstimates']> {
    return this.#estimates.ofTask(name);
  }

  /** The operation changed durably, in a way that clients can see. */
  #changed(id: string): void {
    this.#waiters.notify(id);
    this.#logs.notify(id);
    this.#feed.changed(id);
  }

  stats(window: StatsWindow): ReturnType<Engine['stats']> {
    return this.#runtime.stats.stats(window);
  }

  ownStats(window: StatsWindow): ReturnType<Engine['ownStats']> {
    return this.#runtime.stats.ownStats(window);
  }

  nodes(): ReturnType<Engine['nodes']> {
    return this.#runtime.nodes();
  }

  #refuseWhenStopping(): void {
    if (!this.#runtime.stopping) return;
    throw new RaincheckError('shutting_down', 'The server is shutting down; ask another.', {
      retryAfterSeconds: limits.retryAfterSecondsMin,
    });
  }

  #task(name: string): Task {
    const task = this.#s.allTasks.get(name);
    if (task !== undefined) return task;
    throw unknownTask(name);
  }

  async #existing(id: string): Promise<Operation> {
    const operation = await this.#s.store.readOperation({ id });
    if (operation !== null) return operation;
    throw await this.#missing(id);
  }

  async #missing(id: string): Promise<RaincheckError> {
    if (await this.#s.store.isGone({ id })) {
      return new RaincheckError('operation_gone', `Operation ${id} has expired or was removed.`);
    }
    return notFound(id);
  }

  /** About the time in which a waiting operation ends and makes room. */
  #retryAfterSeconds(task: Task): number {
    const seconds = Math.ceil((this.#estimates.typicalMs(task) ?? 5_000) / 1000);
    return Math.min(limits.retryAfterSecondsMax, Math.max(limits.retryAfterSecondsMin, seconds));
  }
}

function unknownTask(name: string): RaincheckError {
  return new RaincheckError('task_not_found', `There is no task \`${name}\`.`);
}

function notFound(id: string): RaincheckError {
  return new RaincheckError('operation_not_found', `There is no operation ${id.slice(0, 100)}.`);
}
