import { claimedBefore, statusOf, type Operation } from '../core/operation.ts';
import type { StoredQueue } from '../store/store.ts';

export function storedQueueOf(
  entries: Iterable<{ readonly operation: Operation }>,
  limit: number,
): StoredQueue {
  const waiting: Operation[] = [];
  const running: Operation[] = [];
  for (const { operation } of entries) {
    const status = statusOf(operation.state);
    if (status === 'pending') waiting.push(operation);
    else if (status === 'processing') running.push(operation);
  }
  waiting.sort((a, b) => (claimedBefore(a, b) ? -1 : 1));
  return {
    waiting: waiting.slice(0, limit).map((of) => ({
      id: of.id,
      task: of.task,
      priority: of.priority,
      readyAt: of.readyAt,
      key: of.concurrencyKey,
      startedAt: of.state === 'scheduled' ? of.startedAt : null,
    })),
    running: running.slice(0, limit).map((of) => ({
      id: of.id,
      task: of.task,
      key: of.concurrencyKey,
      startedAt: of.startedAt,
      progress: of.progress,
    })),
  };
}
