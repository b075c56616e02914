/** The names of Raincheck's own tasks, all reserved even where a server lacks some of them. */
export const ownTaskNames = {
  cancel: 'operations.batch-cancel',
  retry: 'operations.batch-retry',
  remove: 'operations.batch-remove',
  redrive: 'webhooks.redrive',
} as const;

const names: ReadonlySet<string> = new Set(Object.values(ownTaskNames));

/** Whether the task is Raincheck's own: requests for all tasks exclude these. */
export function isOwnTask(name: string): boolean {
  return names.has(name);
}
