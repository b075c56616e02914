import type * as Sqlite from 'node:sqlite';

/**
 * node:sqlite, loaded by a call, not by an import: in a Node too old to have it, an import ends the
 * program before any line of ours can say so.
 */
const sqlite: typeof Sqlite | undefined = process.getBuiltinModule?.('node:sqlite');
if (sqlite === undefined) throw tooOld();

export const { DatabaseSync } = sqlite;
export type DatabaseSync = InstanceType<typeof DatabaseSync>;

/** Node prints the error in one line: a stack would point at our files, which are not at fault. */
function tooOld(): Error {
  const error = new Error(nodeNeeded(process.versions.node));
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** The message for users of an older Node. */
export function nodeNeeded(version: string): string {
  return `Raincheck needs Node 24.15.0 or newer; this is ${version}. To have one beside it: npm install node@24, then npx node.`;
}
