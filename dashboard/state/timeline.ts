import type {
  WireAttempt,
  WireDelivery,
  WireDeliveryAttempt,
  WireOperation,
} from 'raincheck/client';
import { duration } from './text.ts';

/**
 * The history of an operation as stretches of time, for drawing: one lane for the operation itself
 * (waiting, attempts, back-offs) and one for each webhook delivery, all on one axis. Pure.
 */
export type Stretch = {
  readonly kind: 'waiting' | 'back-off' | 'attempt' | 'expected' | 'send' | 'pause';
  readonly tone: 'wait' | 'run' | 'good' | 'bad' | 'warn' | 'off';
  readonly from: number;
  readonly to: number;
  /** It has not ended yet, or lies ahead. */
  readonly open: boolean;
  readonly label: string;
  /** The error, if there was one. */
  readonly detail: string | null;
};

export type Lane = { readonly name: string; readonly stretches: readonly Stretch[] };

export type Timeline = {
  readonly lanes: readonly Lane[];
  readonly start: number;
  readonly end: number;
  readonly deadline: number | null;
  readonly now: number | null;
};

export type DeliveryHistory = {
  readonly delivery: WireDelivery;
  readonly attempts: readonly WireDeliveryAttempt[];
};

export function timelineOf(
  operation: WireOperation,
  deliveries: readonly DeliveryHistory[],
  now: number,
): Timeline {
  const own = operationStretches(operation, now);
  const lanes: Lane[] = [{ name: 'Operation', stretches: own }];
  for (const history of deliveries) {
    const { event, url } = history.delivery;
    const host = URL.parse(url)?.host ?? url;
    lanes.push({
      name: `${event} → ${host}`,
      stretches: sends(history, now),
    });
  }
  const all = lanes.flatMap(({ stretches }) => stretches);
  const start = Date.parse(operation.created_at);
  const end = Math.max(start + 1, ...all.map(({ to }) => to));
  const deadline = operation.deadline_at === null ? null : Date.parse(operation.deadline_at);
  const isOpen = all.some(({ open }) => open);
  return { lanes, start, end, deadline, now: isOpen ? now : null };
}

export function endedAttempts(operation: WireOperation): readonly WireAttempt[] {
  return operation.error?.attempts ?? operation.attempts ?? [];
}

/**
 * The attempt that is running or has succeeded, which is not among the ended ones; null: there is
 * none.
 */
export type LatestAttempt = {
  readonly number: number;
  readonly from: number;
  /** null: it is running. */
  readonly to: number | null;
};

export function latestAttempt(operation: WireOperation): LatestAttempt | null {
  const { status, attempt, finished_at, started_at, attempt_started_at } = operation;
  const told = attempt_started_at ?? started_at;
  if ((status !== 'processing' && status !== 'completed') || told === null) return null;
  const to = finished_at === null ? null : Date.parse(finished_at);
  return { number: attempt, from: Date.parse(told), to };
}

function operationStretches(operation: WireOperation, now: number): Stretch[] {
  const out: Stretch[] = [];
  let at = Date.parse(operation.created_at);
  for (const attempt of endedAttempts(operation)) {
    const from = Date.parse(attempt.started_at);
    const to = Date.parse(attempt.ended_at);
    wait(out, at, from);
    out.push(endedAttempt(attempt, from, to));
    at = to;
    const retryAt = attempt.retry_at === null ? to : Date.parse(attempt.retry_at);
    if (retryAt <= to) continue;
    out.push({
      kind: 'back-off',
      tone: 'warn',
      from: to,
      to: retryAt,
      open: retryAt > now,
      label: `back-off ${duration(retryAt - to)}`,
      detail: null,
    });
    at = retryAt;
  }
  latest(out, { operation, at, now });
  return out;
}

function endedAttempt(attempt: WireAttempt, from: number, to: number): Stretch {
  const took = duration(to - from);
  const words = { failed: 'failed after', lost: 'lost after', released: 'handed back after' };
  const isBad = attempt.outcome === 'failed';
  return {
    kind: 'attempt',
    tone: isBad ? 'bad' : 'warn',
    from,
    to,
    open: false,
    label: `attempt ${attempt.number} ${words[attempt.outcome]} ${took}`,
    detail: attempt.error?.detail ?? null,
  };
}

/** The stretch after the ended attempts: the running or successful attempt, or waiting. */
function latest(
  out: Stretch[],
  {
    operation,
    at,
    now,
  }: { readonly operation: WireOperation; readonly at: number; readonly now: number },
): void {
  const { status, attempt, finished_at, started_at, attempt_started_at } = operation;
  if (status === 'processing' || status === 'completed') {
    const told = attempt_started_at ?? started_at;
    const from = Math.max(at, told === null ? at : Date.parse(told));
    const to = Math.max(from, finished_at === null ? now : Date.parse(finished_at));
    wait(out, at, from);
    const took = duration(to - from);
    const runs = status === 'processing';
    out.push({
      kind: 'attempt',
      tone: runs ? 'run' : 'good',
      from,
      to,
      open: runs,
      label: `attempt ${attempt} ${runs ? `runs for ${took}` : `completed in ${took}`}`,
      detail: null,
    });
    if (runs) expected(out, operation, to);
    return;
  }
  const end = finished_at === null ? now : Date.parse(finished_at);
  if (end > at) {
    const label = `waiting ${duration(end - at)}`;
    out.push({
      kind: 'waiting',
      tone: 'wait',
      from: at,
      to: end,
      open: status === 'pending',
      label,
      detail: null,
    });
  }
  if (status === 'pending') expected(out, operation, Math.max(at, end));
}

/** Shorter waits are just the claim itself, and are not shown. */
const noticedMs = 5;

function wait(out: Stretch[], from: number, to: number): void {
  if (to - from < noticedMs) {
    const last = out.pop();
    if (last !== undefined) out.push({ ...last, to: Math.max(last.to, to) });
    return;
  }
  const label = `waiting ${duration(to - from)}`;
  out.push({ kind: 'waiting', tone: 'wait', from, to, open: false, label, detail: null });
}

function expected(out: Stretch[], { estimate }: WireOperation, from: number): void {
  const by = estimate?.completes_by ?? estimate?.completes_at ?? null;
  const to = by === null ? from : Date.parse(by);
  if (to <= from) return;
  const label = `expected within ${duration(to - from)}`;
  out.push({ kind: 'expected', tone: 'off', from, to, open: true, label, detail: null });
}

function sends({ delivery, attempts }: DeliveryHistory, now: number): Stretch[] {
  const out: Stretch[] = [];
  let at = Date.parse(delivery.created_at);
  for (const attempt of attempts) {
    const from = Date.parse(attempt.started_at);
    const to = Math.max(from + 1, attempt.ended_at === null ? now : Date.parse(attempt.ended_at));
    pause(out, at, from);
    out.push(send(attempt, from, to));
    at = to;
  }
  const next = delivery.next_attempt_at === null ? null : Date.parse(delivery.next_attempt_at);
  if (next !== null && next > at && delivery.state === 'pending') {
    const label = `next attempt after ${duration(next - at)}`;
    const detail = delivery.next_attempt_reason;
    out.push({ kind: 'pause', tone: 'off', from: at, to: next, open: true, label, detail });
  }
  return out;
}

function send(attempt: WireDeliveryAttempt, from: number, to: number): Stretch {
  const tone = { sending: 'run', delivered: 'good', failed: 'bad', unknown: 'warn' } as const;
  const answer = attempt.status ?? attempt.error ?? attempt.outcome;
  return {
    kind: 'send',
    tone: tone[attempt.outcome],
    from,
    to,
    open: attempt.ended_at === null,
    label: `attempt ${attempt.number}: ${answer} in ${duration(to - from)}`,
    detail: attempt.detail ?? attempt.error,
  };
}

function pause(out: Stretch[], from: number, to: number): void {
  if (to - from < 1) return;
  const label = `${duration(to - from)} until the next attempt`;
  out.push({
    kind: 'pause',
    tone: 'off',
    from,
    to,
    open: false,
    label: out.length === 0 ? `${duration(to - from)} until sent` : label,
    detail: null,
  });
}

/** Stretches narrower than this share of the axis cannot be seen. */
const visibleShare = 0.012;
const compressed = 0.35;

export type Scale = {
  /** Position of an instant, 0..1. */
  readonly at: (ms: number) => number;
  /** false: short stretches are drawn longer than they were. */
  readonly isLinear: boolean;
};

/**
 * The scale of the axis. Back-offs last seconds, but webhooks can go on for days. Where a linear
 * axis would hide something, each stretch between two instants gets a share by a power of its
 * length.
 */
export function scaleOf({ lanes, start, end }: Timeline): Scale {
  const stretches = lanes.flatMap((lane) => lane.stretches);
  const seen = stretches.filter(({ kind }) => kind === 'attempt' || kind === 'send');
  const shortest = Math.min(...seen.map(({ from, to }) => to - from), end - start);
  const isLinear = shortest / (end - start) >= visibleShare;
  if (isLinear) return { isLinear, at: (ms) => clamp((ms - start) / (end - start)) };
  const marks = [...new Set([start, end, ...stretches.flatMap(({ from, to }) => [from, to])])]
    .filter((ms) => ms >= start && ms <= end)
    .sort((a, b) => a - b);
  const shares = marks.slice(1).map((ms, i) => (ms - (marks[i] ?? ms)) ** compressed);
  const sum = shares.reduce((a, b) => a + b, 0);
  return {
    isLinear,
    at(ms) {
      let before = 0;
      for (const [i, share] of shares.entries()) {
        const from = marks[i] ?? start;
        const to = marks[i + 1] ?? end;
        if (ms <= to) return clamp((before + share * clamp((ms - from) / (to - from))) / sum);
        before += share;
      }
      return 1;
    },
  };
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}
