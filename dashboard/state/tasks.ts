import { computed, signal } from '@preact/signals';
import type { WireTask } from 'raincheck/client';
import { feedState, totals } from './feed.ts';
import { client } from './server.ts';

/** The tasks of the server, shared by all views for names, counts and schemas. */
export const tasks = signal<readonly WireTask[] | null>(null);
export const tasksError = signal<Error | null>(null);

export const taskNames = computed(() => (tasks.value ?? []).map((task) => task.name));

export async function reloadTasks(): Promise<void> {
  try {
    tasks.value = await client.tasks();
    tasksError.value = null;
  } catch (error) {
    tasksError.value = error instanceof Error ? error : new Error(String(error));
  }
}

export function putTask(task: WireTask): void {
  tasks.value = (tasks.value ?? []).map((one) => (one.name === task.name ? task : one));
}

const everyMs = 5_000;

export function watchTasks(): void {
  void reloadTasks();
  setInterval(() => {
    if (!document.hidden && feedState.peek() !== 'paused') void reloadTasks();
  }, everyMs);
}

export type Counts = WireTask['counts'];

/**
 * The counts of the tasks that `fits` accepts. null: of all tasks, from the feed, which is fresher.
 */
export function countsOf(fits: ((task: string) => boolean) | null): Counts | null {
  if (fits === null && totals.value !== null) return totals.value;
  if (tasks.value === null) return null;
  const sum = { pending: 0, processing: 0, completed: 0, failed: 0 };
  for (const { name, counts } of tasks.value) {
    if (fits !== null && !fits(name)) continue;
    for (const key of ['pending', 'processing', 'completed', 'failed'] as const) {
      sum[key] += counts[key];
    }
  }
  return sum;
}
