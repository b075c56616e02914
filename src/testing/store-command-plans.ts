import { operationId } from '../core/id.ts';
import type { LogLine } from '../core/log-line.ts';
import type { Operation } from '../core/operation.ts';
import type {
  ClaimAtAccept,
  ClaimOutcome,
  CreateOutcome,
  NewOperation,
  OperationFilter,
  Settlement,
  Store,
} from '../store/store.ts';
import { allPages, inlineResult, taskError } from './store-bench.ts';
import {
  newest,
  outboxOf,
  rememberClaimed,
  scattered,
  targetOf,
  webhookCall,
  type DeliveryClaimPlan,
  type WebhookCommand,
  type WebhookState,
} from './store-command-webhooks.ts';

/**
 * Random commands are plain data with small numbers in place of ids and leases, so that they shrink
 * well and any sequence of them makes sense. `plan` turns one into a call with the ids of this run.
 */
export type Command =
  | CreateCommand
  | ({ readonly type: 'claim' } & ClaimPlan)
  | { readonly type: 'settle'; readonly ends: readonly EndPlan[] }
  | {
      readonly type: 'extend';
      readonly leases: readonly number[];
      readonly fraction: number | null;
    }
  | { readonly type: 'log'; readonly logs: readonly LogPlan[] }
  | { readonly type: 'cancel'; readonly operation: number }
  | { readonly type: 'remove'; readonly operation: number; readonly goneMs: number }
  | { readonly type: 'pause'; readonly task: number; readonly paused: boolean }
  | { readonly type: 'sweep'; readonly workerDead: boolean; readonly recoveriesMax: number }
  | { readonly type: 'prune' }
  | { readonly type: 'advance'; readonly ms: number }
  | { readonly type: 'list'; readonly filter: FilterPlan; readonly limit: number }
  /**
   * A restart. Only then may the clock go back: within one process it never does (core/clock.ts).
   */
  | { readonly type: 'reopen'; readonly jumpMs: number }
  /**
   * Calls made in one turn of the event loop: one commit, where the store groups them. Claims come
   * last.
   */
  | {
      readonly type: 'turn';
      readonly writes: readonly Command[];
      readonly claim: ClaimPlan;
      readonly deliveryClaim: DeliveryClaimPlan | null;
    }
  | WebhookCommand;

type CreateCommand = { readonly type: 'create'; readonly pendingMax: number } & {
  readonly operations: readonly CreatePlan[];
  /** Claimed at accept with so many spare slots; null: not claimed. */
  readonly spareSlots: number | null;
};
export type CreatePlan = {
  readonly task: number;
  readonly priority: number;
  readonly delayMs: number;
  readonly waitMs: number | null;
  readonly deadlineMs: number | null;
  readonly key: string | null;
  readonly idempotency: { readonly key: number; readonly fingerprint: string } | null;
  readonly label: string | null;
  readonly taskPendingMax: number | null;
  /** An address of store-command-webhooks.ts that webhooks go to; null: none. */
  readonly webhook: number | null;
};
export type ClaimPlan = {
  readonly limit: number;
  readonly tasks: readonly number[];
  readonly concurrency: number | null;
  readonly keyConcurrency: number | null;
};
type EndPlan = {
  readonly lease: number;
  readonly how: 'inline' | 'stored' | 'failed' | 'retry' | 'released';
  readonly retryMs: number;
};
export type LogPlan = {
  readonly lease: number;
  readonly from: number;
  /** The length of each line, in characters. */
  readonly lines: readonly number[];
};
export type FilterPlan = {
  readonly task: number | null;
  readonly states: readonly Operation['state'][] | null;
  readonly label: string | null;
  readonly code: string | null;
  readonly text: string | null;
  readonly textInputTasks: readonly number[] | null;
  readonly tasks: readonly number[] | null;
  readonly input: readonly [path: string, value: string] | null;
  readonly error: string | null;
};

/** State of a run: its clock, and everything that was ever created or claimed, stale or not. */
export type RunState = WebhookState & {
  now: number;
  ids: string[];
  leases: { id: string; token: string }[];
  made: number;
  /** Whether the store under test claims at accept. */
  readonly claimsAtAccept: boolean;
};

/** One call to one of the two stores. `newToken` gives both stores the same tokens. */
export type Call = (store: Store, newToken: () => string) => Promise<unknown>;

export const leaseMs = 10_000;
export const retentionMs = 50_000;
const taskNames = ['exports', 'reports', 'thumbnails'] as const;

export function plan(command: Exclude<Command, { type: 'reopen' | 'turn' }>, s: RunState): Call {
  const { now } = s;
  switch (command.type) {
    case 'create': {
      const operations = command.operations.map((operation) => newOperationOf(operation, s));
      const { pendingMax } = command;
      const claim = claimAtAccept(command, s);
      return (store) => store.createOperations({ operations, pendingMax, claim, now });
    }
    case 'claim':
      return claimCall(command, s);
    case 'settle': {
      const settlements = command.ends.map((end) => settlementOf(end, s));
      const outbox = outboxOf(s);
      return (store) => store.settleAttempts({ settlements, outbox, now });
    }
    case 'extend':
      return extendCall(command, s);
    case 'log': {
      const entries = command.logs.map(({ lease, from, lines }) => ({
        ...leaseOf(lease, s),
        from,
        lines: lines.map((chars, i) => lineOf(chars, { i, from, now })),
      }));
      return (store) => store.appendLogs({ entries, now });
    }
    case 'cancel': {
      const p = { id: idOf(command.operation, s), outbox: outboxOf(s), now };
      return (store) => store.requestCancel(p);
    }
    case 'remove': {
      const p = { id: idOf(command.operation, s), now, goneUntil: now + command.goneMs };
      return (store) => store.removeOperation(p);
    }
    case 'pause': {
      const p = { task: taskOf(command.task), paused: command.paused };
      return (store) => store.setTaskPaused(p);
    }
    case 'sweep':
      return sweepCall(command, s);
    case 'prune':
      return (store) => pruneAll(store, now);
    case 'advance':
      s.now += command.ms;
      return async () => undefined;
    case 'list': {
      const filter = filterOf(command.filter);
      return (store) => allPages(store, { filter, limit: command.limit });
    }
    case 'create endpoint':
    case 'change endpoint':
    case 'remove endpoint':
    case 'deliver':
    case 'claim deliveries':
    case 'settle deliveries':
    case 'sweep deliveries':
    case 'redeliver':
    case 'discard':
    case 'rotate':
    case 'list deliveries':
      return webhookCall(command, s);
  }
}

export function claimCall(p: ClaimPlan, { now }: RunState): Call {
  const { limit, concurrency, keyConcurrency } = p;
  const names = [...new Set(p.tasks.map(taskOf))];
  const tasks = names.map((name) => ({ name, concurrency, keyConcurrency }));
  return (store, newToken) =>
    store.claimOperations({ worker: `w-${limit}`, newToken, leaseMs, limit, tasks, now });
}

function extendCall(command: Command & { type: 'extend' }, s: RunState): Call {
  const { now } = s;
  const { fraction } = command;
  const counts = { message: 'ü', current: 1, total: 2, updatedAt: now };
  const progress = fraction === null ? null : { ...counts, fraction };
  const leases = command.leases.map((lease) => ({ ...leaseOf(lease, s), progress }));
  return (store) => store.extendLeases({ leases, leaseMs, now });
}

/** A sweep whose outcome does not depend on the order in which a store sweeps. */
function sweepCall(command: Command & { type: 'sweep' }, s: RunState): Call {
  const { workerDead, recoveriesMax } = command;
  const p = { now: s.now, limit: 1000, workerDead, recoveriesMax, outbox: outboxOf(s) };
  return async (store) => {
    const { changed, more } = await store.sweepExpired(p);
    return { more, changed: changed.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
  };
}

/** Remembers what later commands can refer to. */
export function remember(outcome: unknown, s: RunState): void {
  if (Array.isArray(outcome)) {
    for (const one of outcome as readonly CreateOutcome[]) {
      if (one.outcome !== 'created') continue;
      const { id, lease } = one.operation;
      s.ids.push(id);
      if (lease !== null) s.leases.push({ id, token: lease.token });
    }
  }
  const { claimed } = (outcome ?? {}) as Partial<ClaimOutcome>;
  for (const { operation } of claimed ?? []) {
    if (operation?.lease) s.leases.push({ id: operation.id, token: operation.lease.token });
  }
  rememberClaimed(outcome, s);
}

/**
 * Prunes until nothing is left, because each store may choose which record of one kind goes first.
 */
async function pruneAll(store: Store, now: number): Promise<object> {
  const sum = { operations: 0, goneIds: 0, idempotencyKeys: 0, deliveries: 0, endpoints: 0 };
  for (;;) {
    const once = await store.pruneExpired({ now, limit: 1000 });
    if (Object.values(once).every((count) => count === 0)) return sum;
    sum.operations += once.operations;
    sum.goneIds += once.goneIds;
    sum.idempotencyKeys += once.idempotencyKeys;
    sum.deliveries += once.deliveries;
    sum.endpoints += once.endpoints;
  }
}

function claimAtAccept({ spareSlots }: CreateCommand, s: RunState): ClaimAtAccept | undefined {
  if (spareSlots === null || !s.claimsAtAccept) return undefined;
  const tokenOf = (id: string): string => `at accept ${id}`;
  return { worker: 'w1', leaseMs, tokenOf, tasks: ['exports', 'reports'], spareSlots };
}

function newOperationOf(p: CreatePlan, s: RunState): NewOperation {
  s.made += 1;
  const { now } = s;
  return {
    id: operationId(now, scattered(s.made)),
    task: taskOf(p.task),
    tenant: '',
    input: JSON.stringify({ made: s.made, text: p.label }),
    attemptsMax: 3,
    retentionMs,
    priority: p.priority,
    readyAt: now + p.delayMs,
    waitUntil: p.waitMs === null ? null : now + p.waitMs,
    deadlineAt: p.deadlineMs === null ? null : now + p.deadlineMs,
    concurrencyKey: p.key,
    labels: p.label === null ? {} : { [p.label]: p.label },
    retryOf: s.ids.at(-1) ?? null,
    traceparent: null,
    webhook: p.webhook === null ? null : targetOf(p.webhook, s.made),
    idempotency: p.idempotency && {
      scope: 's',
      key: String(p.idempotency.key),
      fingerprint: p.idempotency.fingerprint,
      expiresAt: now + 20_000,
    },
    taskPendingMax: p.taskPendingMax,
  };
}

function settlementOf({ lease, how, retryMs }: EndPlan, s: RunState): Settlement {
  const held = leaseOf(lease, s);
  switch (how) {
    case 'inline':
      return { type: 'completed', ...held, result: inlineResult(), body: null };
    case 'stored': {
      const body = new Uint8Array(64).fill(lease);
      const result = { ...inlineResult(), inline: null, sizeBytes: body.length };
      return { type: 'completed', ...held, result, body };
    }
    case 'failed':
    case 'retry': {
      const retryAt = how === 'failed' ? null : s.now + retryMs;
      return { type: 'attempt_failed', ...held, error: taskError(`Error ${lease}`), retryAt };
    }
    case 'released':
      return { type: 'released', ...held };
  }
}

function filterOf(p: FilterPlan): OperationFilter {
  return {
    task: p.task === null ? undefined : taskOf(p.task),
    states: p.states ?? undefined,
    labels: p.label === null ? undefined : { [p.label]: p.label },
    code: p.code ?? undefined,
    text: p.text ?? undefined,
    textInputTasks: p.textInputTasks?.map(taskOf),
    tasks: p.tasks?.map(taskOf),
    input: p.input === null ? undefined : { [p.input[0]]: p.input[1] },
    error: p.error ?? undefined,
  };
}

function lineOf(chars: number, p: { i: number; from: number; now: number }): LogLine {
  const fields = chars % 2 === 0 ? null : JSON.stringify({ i: p.i });
  const message = `${p.from + p.i} ${'ü'.repeat(chars)}`;
  return { at: p.now, attempt: 1, level: 'info', message, fields };
}

function taskOf(n: number): string {
  return taskNames[n % taskNames.length] ?? '';
}

function idOf(n: number, { ids }: RunState): string {
  return newest(ids, n) ?? 'op_never';
}

function leaseOf(n: number, { leases }: RunState): { id: string; token: string } {
  return { ...(newest(leases, n) ?? { id: 'op_never', token: 'never' }) };
}
