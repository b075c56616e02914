import type { EngineSettings } from './engine-settings.ts';

/**
 * Attempts that a process can run at once. Isolated tasks have threads of their own, a separate
 * pool.
 */
export function slotsOf(p: Pick<EngineSettings, 'concurrency' | 'threads' | 'allTasks'>): number {
  const { concurrency, threads, allTasks } = p;
  const isolated = [...allTasks.values()].filter((task) => task.isolateModule !== null).length;
  if (isolated === 0) return concurrency;
  return isolated === allTasks.size ? threads : concurrency + threads;
}
