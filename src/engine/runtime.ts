import { randomBytes } from 'node:crypto';
import { RaincheckError } from '../core/errors.ts';
import type { StatsRing } from '../core/stats-ring.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import type { Settlement, SettleOutcome, StoreHint } from '../store/store.ts';
import type { Offer } from './accept-claims.ts';
import type { Activity } from './activity.ts';
import type { AbortCause, Attempt } from './attempt.ts';
import type { EngineSettings } from './engine-settings.ts';
import { EstimateKeeper } from './estimate-keeper.ts';
import { EstimateSharing } from './estimate-sharing.ts';
import type { Estimates } from './estimates.ts';
import { Executor } from './executor.ts';
import { attemptFields, writeLine, type ContextParts } from './handler-context.ts';
import { Heartbeat } from './heartbeat.ts';
import { Isolates } from './isolates.ts';
import { LogKeeper } from './log-keeper.ts';
import type { Logger } from './logger.ts';
import type { NodeRecord } from './node.ts';
import { Presence } from './presence.ts';
import { createPruner } from './pruner.ts';
import { RunningAttempts } from './running-attempts.ts';
import type { Service } from './service.ts';
import { Settler } from './settler.ts';
import { StatsKeeper } from './stats-keeper.ts';
import { createStoreWatch } from './store-watch.ts';
import { createSweeper, recover } from './sweeper.ts';
import type { Task } from './task.ts';
import { Worker } from './worker.ts';

type RuntimeParts = {
  readonly settings: EngineSettings;
  readonly estimates: Estimates;
  readonly ring: StatsRing;
  readonly activity: Activity;
  /** A change that clients can see is durable. */
  readonly changed: (id: string) => void;
  /** Lines that its handler wrote are durable. */
  readonly logged: (id: string) => void;
  /** Another process on the store changed something. */
  readonly hinted: () => void;
};

/**
 * The half of the engine that runs operations. It puts worker, executor, settler, heartbeat,
 * sweeper and pruner together, starts them in the order of their dependencies, and stops them in
 * reverse.
 */
export class Runtime {
  readonly #p: RuntimeParts;
  readonly #running: RunningAttempts;
  readonly #settler: Settler;
  readonly #executor: Executor;
  readonly #heartbeat: Heartbeat;
  readonly #logs: LogKeeper;
  readonly #worker: Worker;
  readonly #isolates: Isolates;
  /** Keeps what the estimator learned: alone on the store, or shared with other processes. */
  readonly #keeper: EstimateKeeper | EstimateSharing;
  readonly #presence: Presence;
  /** Counts what happens here and adds up what all processes counted. */
  readonly stats: StatsKeeper;
  readonly #ownTasks: ReadonlySet<string>;
  /** Whether the worker was started; it stays true while the engine drains and after the stop. */
  #isWorking = false;
  readonly #services: readonly Service<unknown>[];
  #state: 'new' | 'starting' | 'started' | 'stopping' | 'stopped' = 'new';
  #stopping: Promise<void> | null = null;
  readonly #cutShort = new AbortController();
  #stopListening: (() => void) | null = null;

  constructor(p: RuntimeParts) {
    this.#p = p;
    const { store, clock, logger, leaseMs, graceMs, pollMs, random, allTasks } = p.settings;
    const { outbox, tell } = p.settings;
    const { changed, estimates } = p;
    this.#keeper = store.capabilities.singleProcess
      ? new EstimateKeeper(p.settings, estimates)
      : new EstimateSharing(p.settings, estimates);
    this.#ownTasks = new Set([...allTasks.keys()].filter((name) => !p.settings.tasks.has(name)));
    const ownTasks = this.#ownTasks;
    this.#running = new RunningAttempts({
      slots: p.settings.concurrency,
      threads: p.settings.threads,
      ownTasks,
    });
    const running = this.#running;
    const id = `w_${randomBytes(9).toString('base64url')}`;
    const shared = { store, clock, logger, running, changed };
    const abort = this.abort.bind(this);
    this.#heartbeat = new Heartbeat({ ...shared, estimates, leaseMs, abort, tell });
    this.#logs = new LogKeeper({ store, clock, logger, logged: p.logged });
    this.#settler = new Settler({
      ...shared,
      logs: this.#logs,
      outbox,
      freed: (settlement) =>
        settlement?.type === 'completed' ? this.#worker.freed() : this.#worker.wake(),
      settled: (attempt, settlement, outcome) => this.#settled(attempt, settlement, outcome),
    });
    const context = this.#context(logger);
    this.#isolates = new Isolates({ threads: p.settings.threads, context });
    this.#executor = new Executor({
      ...shared,
      random,
      graceMs,
      settler: this.#settler,
      sendLastProgress: (attempt) => this.#heartbeat.sendLast(attempt),
      context,
      runIsolated: (attempt) => this.#isolates.run(attempt),
    });
    this.#worker = new Worker({
      ...shared,
      estimates,
      activity: p.activity,
      tasks: allTasks,
      leaseMs,
      pollMs,
      tell,
      worker: id,
      execute: (attempt) => this.#executor.execute(attempt),
    });
    const { ring, activity } = p;
    this.stats = new StatsKeeper({ settings: p.settings, id, ring, activity });
    this.#presence = new Presence({
      settings: p.settings,
      id,
      running,
      isWorking: () => this.#isWorking,
      seen: (others) => estimates.setOthers(others),
    });
    const swept = (operation: Operation): void => this.#swept(operation);
    this.#services = [
      createSweeper({ ...shared, outbox, ownTasks, heartbeat: this.#heartbeat, swept }),
      createPruner(shared),
      createStoreWatch(shared),
    ];
  }

  nodes(): Promise<readonly NodeRecord[]> {
    return this.#presence.nodes();
  }

  /** What handlers report and log passes through here. */
  #context(logger: Logger): ContextParts {
    return {
      logger,
      report: this.#heartbeat.report.bind(this.#heartbeat),
      line: (attempt, line) => {
        writeLine(logger, attempt, line);
        this.#logs.keep(attempt, line);
      },
    };
  }

  get stopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'stopped';
  }

  /** Looks at the queue at `readyAt`, or at the end of this turn. */
  accepted(readyAt: number): void {
    if (readyAt > this.#p.settings.clock.now()) this.#worker.wakeAt(readyAt);
    else this.#worker.wake();
  }

  /** A slot for an operation that is about to be accepted; null: it has to wait for a claim. */
  offer(task: Task, readyAt: number): Offer | null {
    return this.#worker.atAccept.offer(task, readyAt);
  }

  wake(): void {
    this.#worker.wake();
  }

  abort(attempt: Attempt, cause: AbortCause): void {
    this.#executor.abort(attempt, cause);
  }

  /**
   * Aborts the attempt of this operation, if it runs here, at once rather than at the next
   * heartbeat.
   */
  cancelHere(id: string): void {
    for (const attempt of this.#running.all) {
      if (attempt.operation.id === id) this.#executor.abort(attempt, 'cancel');
    }
  }

  async start(): Promise<void> {
    if (this.#state === 'started' || this.#state === 'starting') return;
    if (this.stopping) {
      throw new RaincheckError('shutting_down', 'This engine was stopped; make a new one.');
    }
    this.#state = 'starting';
    const { store, clock, logger, outbox, workerReplaced } = this.#p.settings;
    try {
      const recovered = await recover({
        store,
        outbox,
        ownTasks: this.#ownTasks,
        clock,
        logger,
        workerReplaced,
        swept: (operation) => this.#swept(operation),
      });
      if (recovered > 0) logger.info({ recovered }, 'Recovered what former processes left.');
      await this.#keeper.load();
      await this.#warnOfUnknownTasks();
    } catch (error) {
      if (this.#state === 'starting') this.#state = 'new';
      throw error;
    }
    if (this.#state !== 'starting') return; // stopped meanwhile
    this.#state = 'started';
    this.#isWorking = true;
    this.#p.estimates.open();
    this.#keeper.start();
    this.#heartbeat.start();
    for (const service of this.#services) service.start();
    this.#worker.start();
    this.listen();
  }

  async stop(p: { readonly drainMs: number; readonly now: boolean }): Promise<void> {
    if (p.now || p.drainMs === 0) this.#cutShort.abort();
    this.#stopping ??= this.#stop(p.drainMs);
    await this.#stopping;
  }

  async #stop(drainMs: number): Promise<void> {
    this.#state = 'stopping';
    this.#p.estimates.close();
    this.#presence.drain();
    this.#stopListening?.();
    await this.#worker.stop();
    await this.#idleWithin(drainMs);
    for (const attempt of this.#running.all) this.#executor.abort(attempt, 'stop');
    await this.#idleWithin(this.#p.settings.graceMs);
    for (const attempt of this.#running.all) {
      if (attempt.live) this.#executor.giveUp(attempt);
    }
    // The hand-back is one commit; a store that is down must not keep the process from ending.
    await this.#idleWithin(this.#p.settings.graceMs, new AbortController().signal);
    this.#settler.abandon();
    this.#worker.atAccept.abandon();
    for (const service of this.#services) await service.stop();
    await this.#heartbeat.stop();
    this.#logs.stop();
    await this.#keeper.stop();
    await this.stats.stop();
    await this.#presence.stop();
    this.#executor.close();
    await this.#isolates.close();
    this.#state = 'stopped';
  }

  /** Resolves when no attempt is held any more, after `ms`, or when the stop is cut short. */
  #idleWithin(ms: number, cut = this.#cutShort.signal): Promise<void> {
    return this.#running.idleWithin(ms, { clock: this.#p.settings.clock, cut });
  }

  listen(): void {
    if (this.stopping) return;
    this.#presence.start();
    // A process that only answers clients also makes estimates.
    if (!this.#p.settings.store.capabilities.singleProcess) this.#keeper.start();
    this.stats.start();
    this.#stopListening ??=
      this.#p.settings.store.hints?.listen((hint) => this.#hinted(hint)) ?? null;
  }

  /** A hint from another process on the store: looks now instead of at the next poll. */
  #hinted(hint: StoreHint): void {
    this.#p.hinted();
    if (hint.type === 'ready') this.#worker.wake();
    else for (const id of hint.ids) this.#p.changed(id);
  }

  #swept(operation: Operation): void {
    this.#p.estimates.align(operation);
    this.#p.changed(operation.id);
    if (isFinal(operation.state)) this.#p.activity.ended(operation);
    else this.#worker.wake();
  }

  #settled(attempt: Attempt, settlement: Settlement, outcome: SettleOutcome): void {
    const { clock, logger } = this.#p.settings;
    this.#p.changed(attempt.operation.id);
    const fields = attemptFields(attempt);
    if (outcome === 'lost') {
      void this.#p.estimates.recheck(attempt.operation.id);
      logger.warn(fields, 'The end of an attempt was fenced off: its lease was lost.');
      return;
    }
    this.#p.estimates.settled(attempt.operation, settlement);
    const now = clock.now();
    const ms = Math.max(0, now - attempt.startedAt);
    this.#p.activity.settled(attempt.operation, settlement, { now, runMs: ms });
    switch (settlement.type) {
      case 'completed':
        logger.info({ ...fields, ms }, 'Completed.');
        return;
      case 'released':
        logger.info({ ...fields, ms }, 'Handed back.');
        return;
      case 'attempt_failed': {
        const { retryAt, error } = settlement;
        if (retryAt !== null) this.accepted(retryAt);
        const { code, detail } = error;
        const message = retryAt === null ? 'Failed.' : 'Attempt failed; it will be tried again.';
        logger.warn({ ...fields, ms, code, detail, retryAt }, message);
      }
    }
  }

  async #warnOfUnknownTasks(): Promise<void> {
    const { store, allTasks, logger } = this.#p.settings;
    for (const { task, pending } of await store.readTasks()) {
      if (pending === 0 || allTasks.has(task)) continue;
      logger.warn({ task, pending }, 'Operations wait for a task that is not defined here.');
    }
  }
}
