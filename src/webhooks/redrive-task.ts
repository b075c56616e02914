import type { Clock } from '../core/clock.ts';
import type { Delivery } from '../core/delivery.ts';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { ProgressReport } from '../core/progress.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Task } from '../engine/task.ts';
import type { DeliveryFilter, SteerOutcome } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import { RedriveTally } from './redrive-tally.ts';
import { redriveFilter, redriveSchema, redriveTask, type RedriveInput } from './redrive-input.ts';

type RedriveParts = {
  readonly store: Pick<
    Store,
    | 'readOperation'
    | 'readDelivery'
    | 'readNotes'
    | 'writeNote'
    | 'removeNotes'
    | 'countDeliveries'
    | 'listDeliveries'
    | 'listDeliveryAttempts'
    | 'redeliver'
    | 'discardDeliveries'
  >;
  readonly clock: Clock;
  /** Called when there is something to send. */
  readonly wrote: () => void;
};

/** The result of the operation, over all its attempts. */
export type Redriven = {
  readonly action: 'redrive' | 'discard';
  /** Sent again, or given up for good. */
  readonly changed: number;
  /** Left alone: another change was faster, or the endpoint was removed. */
  readonly skipped: number;
};

/** Chunks a second; the pace divided by it is how many deliveries one commit changes. */
const chunksPerSecond = 4;
const chunkMax = 100;

/**
 * The task behind a bulk redrive. It goes through the dead letters that its filter selects, newest
 * first, at the given pace; ids and bodies of those sent again stay as they are.
 *
 * It may be cut off anywhere and run again: a redriven delivery is no dead letter any more and is
 * not found again. One that has died again since died after the redrive was asked for, and is left
 * to the next redrive; otherwise a receiver that is still down would keep this one going for ever.
 * Counts go on over attempts (redrive-tally.ts).
 */
export function createRedriveTask(p: RedriveParts): Task {
  return defineTask(redriveTask.name, {
    path: redriveTask.path,
    description: 'Sends dead letters again, or gives them up.',
    input: redriveSchema,
    timeout: null,
    attempts: 5,
    run: async ({ input, signal, progress, operation }): Promise<Redriven> => {
      const stored = await p.store.readOperation({ id: operation.id });
      if (stored === null) throw new RaincheckError('operation_gone', 'The operation was removed.');
      const { action, perSecond, filter: asked } = input as RedriveInput;
      const filter = redriveFilter({ filter: asked, tenant: stored.tenant });
      const isWaiting = waitsFor(p.store, { state: asked.state, askedAt: operation.createdAt });
      const tally = new RedriveTally({ store: p.store, id: operation.id, isWaiting });
      await tally.load(p.clock.now());
      const before = tally.changed + tally.passed;
      const expected = await p.store.countDeliveries({ filter });
      const round = new Round(p, { action, perSecond, signal, tally });
      for await (const ids of waiting(p, { filter, isWaiting })) {
        for (let at = 0; at < ids.length; at += round.chunk) {
          await round.change(ids.slice(at, at + round.chunk));
          progress(...told({ before, done: round.done, expected }));
        }
      }
      const { changed } = tally;
      return { action, changed, skipped: before + round.done - changed };
    },
  }) as Task;
}

type IsWaiting = (delivery: Delivery) => Promise<boolean>;

/** Whether a delivery is in the state that was asked for, and was so already at `askedAt`. */
function waitsFor(
  store: RedriveParts['store'],
  { state, askedAt }: { readonly state: Delivery['state']; readonly askedAt: number },
): IsWaiting {
  return async ({ id, finishedAt, ...delivery }) => {
    if (delivery.state !== state || finishedAt === null || finishedAt > askedAt) return false;
    return finishedAt < askedAt || !(await diedOfRedrive(store, id));
  };
}

/**
 * Page by page, the ids of deliveries that the filter selects and that had died by the time of the
 * request.
 */
async function* waiting(
  { store }: RedriveParts,
  p: { readonly filter: DeliveryFilter; readonly isWaiting: IsWaiting },
): AsyncGenerator<readonly string[]> {
  let beforeId: string | null = null;
  do {
    const page: Awaited<ReturnType<Store['listDeliveries']>> = await store.listDeliveries({
      filter: p.filter,
      limit: limits.pageSizeMax,
      beforeId,
    });
    const ids: string[] = [];
    for (const delivery of page.deliveries) {
      if (await p.isWaiting(delivery)) ids.push(delivery.id);
    }
    yield ids;
    beforeId = page.nextBeforeId;
  } while (beforeId !== null);
}

/**
 * Whether a redrive caused the last attempt. For a delivery that died in the very millisecond of
 * the request, this tells a death that this operation caused from one that the client had just
 * seen.
 */
async function diedOfRedrive(store: RedriveParts['store'], id: string): Promise<boolean> {
  const attempts = await store.listDeliveryAttempts({ id });
  return attempts.at(-1)?.trigger === 'redrive';
}

/**
 * The count stops at a limit, and then no total is reported. `before`: done by earlier attempts.
 */
function told(p: {
  readonly before: number;
  readonly done: number;
  readonly expected: number;
}): [report: ProgressReport, message: string] {
  const isCounted = p.expected < limits.deliveryCountMax;
  const current = p.before + p.done;
  const total = p.before + Math.max(p.expected, p.done);
  return isCounted
    ? [{ current, total }, `${current} of ${total}`]
    : [Number.NaN, `${current} so far, of more than ${limits.deliveryCountMax}`];
}

type RoundParts = Pick<RedriveInput, 'action' | 'perSecond'> & {
  readonly signal: AbortSignal;
  readonly tally: RedriveTally;
};

/** Changes chunk after chunk, each when it is due. */
class Round {
  readonly chunk: number;
  /** Deliveries changed or skipped by this attempt. */
  done = 0;
  readonly #parts: RedriveParts;
  readonly #p: RoundParts;
  readonly #startedAt: number;

  constructor(parts: RedriveParts, p: RoundParts) {
    this.#parts = parts;
    this.#p = p;
    this.#startedAt = parts.clock.now();
    this.chunk = Math.max(1, Math.min(chunkMax, Math.floor(p.perSecond / chunksPerSecond)));
  }

  /** Changes these when they are due. Rejects with the reason of the signal. */
  async change(ids: readonly string[]): Promise<void> {
    const { clock, wrote } = this.#parts;
    const { perSecond, signal, tally } = this.#p;
    const dueAt = this.#startedAt + (this.done / perSecond) * 1_000;
    if (dueAt > clock.now()) await clock.sleep(dueAt - clock.now(), signal);
    signal.throwIfAborted();
    await tally.begin(ids, clock.now());
    try {
      await tally.add(await this.#call(ids));
    } finally {
      // Also when no answer came, because the change may have been made.
      if (this.#p.action === 'redrive') wrote();
    }
    this.done += ids.length;
  }

  #call(ids: readonly string[]): Promise<SteerOutcome[]> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    return this.#p.action === 'redrive'
      ? store.redeliver({ ids, trigger: 'redrive', now })
      : store.discardDeliveries({ ids, inBulk: true, now });
  }
}
