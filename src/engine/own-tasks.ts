/** The names of Raincheck's own tasks, whichever a server has: no task of a user may ever have one of them. */
export const ownTaskNames = {
  cancel: 'operations.batch-cancel',
  retry: 'operations.batch-retry',
  remove: 'operations.batch-remove',
  redrive: 'webhooks.redrive',
} as const;

const names: ReadonlySet<string> = new Set(Object.values(ownTaskNames));

/** Nobody who asks for all tasks means these. */
export function isOwnTask(name: string): boolean {
  return names.has(name);
}
