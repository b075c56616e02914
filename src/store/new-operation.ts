import { waitingState, type Operation } from '../core/operation.ts';
import type { NewOperation } from './operation-store.ts';

/** The record of an operation as it stands right after accept. */
export function newOperation(p: NewOperation, now: number): Operation {
  return {
    id: p.id,
    task: p.task,
    tenant: p.tenant,
    state: waitingState(p.readyAt, now),
    version: 1,
    createdAt: now,
    startedAt: null,
    finishedAt: null,
    expiresAt: null,
    retentionMs: p.retentionMs,
    attempt: 0,
    attemptsMax: p.attemptsMax,
    recoveries: 0,
    attemptStartedAt: null,
    lease: null,
    priority: p.priority,
    readyAt: p.readyAt,
    waitUntil: p.waitUntil,
    deadlineAt: p.deadlineAt,
    concurrencyKey: p.concurrencyKey,
    progress: null,
    cancelRequestedAt: null,
    error: null,
    result: null,
    labels: p.labels,
    retryOf: p.retryOf,
    traceparent: p.traceparent,
    webhook: p.webhook,
  };
}
