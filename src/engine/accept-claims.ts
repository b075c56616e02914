import type { Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import type {
  ClaimAtAccept,
  ClaimedOperation,
  CreateOutcome,
  NewOperation,
  Store,
} from '../store/store.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';
import { repeatWrite } from './repeat-write.ts';
import type { RunningAttempts } from './running-attempts.ts';
import type { Task } from './task.ts';

type AcceptClaimsParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tasks: ReadonlyMap<string, Task>;
  readonly running: RunningAttempts;
  readonly leaseMs: number;
  readonly worker: string;
  readonly newToken: () => string;
  /** Its handler starts in the next turn, behind the 202. */
  readonly begin: (claimed: ClaimedOperation) => void;
  /** Something waits for a claim. */
  readonly wake: () => void;
  /** A slot became free, and nothing else happened. */
  readonly freed: () => void;
};

/** A slot kept for an operation that is being accepted. */
export type Offer = {
  /** For createOperations. */
  readonly claim: ClaimAtAccept;
  /**
   * Must be called when the store has answered, or failed with `error`: it uses the slot or frees
   * it.
   */
  end(operation: Pick<NewOperation, 'id' | 'input'>, answer: Answer): void;
};

type Answer = { readonly outcome: CreateOutcome } | { readonly error: unknown };

/**
 * Claims operations in the very commit that accepts them, where this process has a free slot and no
 * waiting operation is overtaken. That saves waiting for one more commit, the way through the
 * queue, and the statement of a claim.
 *
 *   offer() keeps a slot ──commit──> running: its handler starts in the next turn, after the 202
 *                              ├──> waits: the slot is freed; no more offers until a claim has emptied the queue
 *                              └──> no answer: it may run under our lease; its release is repeated until the store answers
 *
 * Tasks with limits, isolated tasks and our own tasks are left to the worker's claims, since only
 * those respect the limits of tasks, threads and batches.
 */
export class AcceptClaims {
  readonly #p: AcceptClaimsParts;
  readonly #tasks: readonly string[];
  readonly #eligible: ReadonlySet<Task>;
  readonly #outage: Outage;
  readonly #stop = new AbortController();
  #isOpen = false;
  /** An operation may wait that could not be claimed yet. */
  #isBehind = true;
  #underWay = 0;
  #begun: ClaimedOperation[] = [];
  #whenIdle: (() => void) | null = null;

  constructor(p: AcceptClaimsParts) {
    this.#p = p;
    this.#tasks = [...p.tasks.keys()];
    this.#eligible = new Set([...p.tasks.values()].filter((task) => this.#isEligible(task)));
    this.#outage = new Outage(p.logger, 'hand back what was claimed at accept');
  }

  #isEligible({ name, concurrency, concurrencyKey, isolateModule }: Task): boolean {
    const isLimited = concurrency !== null || concurrencyKey !== null;
    return !isLimited && isolateModule === null && !this.#p.running.isOwn(name);
  }

  start(): void {
    this.#isOpen = this.#p.store.capabilities.claimsAtAccept;
  }

  /** Resolves when no offer is open any more; what was claimed has begun. */
  async stop(): Promise<void> {
    this.#isOpen = false;
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve));
  }

  /** Stops handing back. Operations not handed back yet are recovered when their leases expire. */
  abandon(): void {
    this.#stop.abort();
  }

  /**
   * How many of the free slots a claim may ask for: all of them when more waits than the last one could take. Else few, so
   * that what is accepted while it is under way has some too: what finds none has to wait for the next claim, and so has
   * all that comes behind it. With half of 500 kept at every look, 256 clients fell into that again and again and stayed
   * there, at half the throughput, since they put in more than one claim at a time takes out.
   */
  get claimLimit(): number {
    const { free } = this.#p.running;
    return this.#isOpen && !this.#isBehind ? Math.ceil(free / 8) : free;
  }

  /** A claim was answered and its operations have begun; `hasLeft`: more may wait. */
  claimed(hasLeft: boolean): void {
    this.#isBehind = hasLeft;
    if (hasLeft && this.#p.running.free > 0) this.#p.wake();
  }

  /** null: the operation has to wait for a claim. */
  offer(task: Task, readyAt: number): Offer | null {
    const { running, clock, worker, leaseMs } = this.#p;
    if (!this.#isOpen || !this.#eligible.has(task) || readyAt > clock.now()) return null;
    if (this.#isBehind || running.free === 0) {
      this.#isBehind = true;
      return null;
    }
    running.keepSlots(1);
    this.#underWay += 1;
    const token = this.#p.newToken();
    const claim = {
      worker,
      leaseMs,
      tokenOf: () => token,
      tasks: this.#tasks,
      spareSlots: running.free,
    };
    return { claim, end: ({ id, input }, answer) => this.#end({ id, input, token }, answer) };
  }

  #end({ id, input, token }: Offered, answer: Answer): void {
    if ('error' in answer) {
      if (isAmbiguous(answer.error)) void this.#handBack({ id, token }, answer.error);
      else this.#free();
      this.#ended();
      return;
    }
    const { outcome } = answer;
    if (outcome.outcome === 'created' && outcome.operation.lease?.token === token) {
      this.#beginSoon({ operation: outcome.operation, input });
      return;
    }
    this.#isBehind ||= outcome.outcome === 'created';
    this.#free();
    this.#ended();
  }

  /** Frees the slot; operations that already wait get it first. */
  #free(): void {
    this.#p.running.keepSlots(-1);
    if (this.#isBehind) this.#p.wake();
    else this.#p.freed();
  }

  /** When all that this turn has to tell is told: nothing is done before a 202 that can be done behind it. */
  #beginSoon(claimed: ClaimedOperation): void {
    this.#begun.push(claimed);
    if (this.#begun.length > 1) return;
    process.nextTick(() => {
      for (const one of this.#begun.splice(0)) {
        this.#p.running.keepSlots(-1);
        this.#p.begin(one);
        this.#ended();
      }
    });
  }

  #ended(): void {
    this.#underWay -= 1;
    if (this.#underWay > 0) return;
    this.#whenIdle?.();
    this.#whenIdle = null;
  }

  /**
   * Releases the lease of an operation whose commit had no answer. Its slot stays kept meanwhile,
   * so that an outage of the store cannot pile them up without bound.
   */
  async #handBack(lease: { readonly id: string; readonly token: string }, firstError: unknown) {
    const { store, clock } = this.#p;
    const settlements = [{ type: 'released', ...lease }] as const;
    const outcomes = await repeatWrite({
      clock,
      outage: this.#outage,
      stop: this.#stop.signal,
      firstError,
      call: () => store.settleAttempts({ settlements, now: clock.now() }),
      refused: () => undefined,
    });
    if (outcomes !== null) this.#outage.ended();
    // `lost`: it was not stored, or has been cancelled.
    this.#isBehind ||= outcomes?.[0] === 'applied';
    this.#free();
  }
}

type Offered = { readonly id: string; readonly input: string; readonly token: string };

/** Whether the operation may have been stored all the same. */
function isAmbiguous(error: unknown): boolean {
  return error instanceof RaincheckError && error.code === 'store_unavailable';
}
