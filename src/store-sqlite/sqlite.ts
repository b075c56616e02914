import type * as Sqlite from 'node:sqlite';

/**
 * node:sqlite, asked for rather than imported: where a Node is too old to have it, an import of it ends the program
 * before any line of ours can say so.
 */
const sqlite: typeof Sqlite | undefined = process.getBuiltinModule?.('node:sqlite');
if (sqlite === undefined) throw tooOld();

export const { DatabaseSync } = sqlite;
export type DatabaseSync = InstanceType<typeof DatabaseSync>;

/** Node prints it in one line: a stack would tell of our files, and nothing is wrong with those. */
function tooOld(): Error {
  const error = new Error(nodeNeeded(process.versions.node));
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

/** What to say to somebody with an older Node. */
export function nodeNeeded(version: string): string {
  return `Raincheck needs Node 24.15.0 or newer; this is ${version}. To have one beside it: npm install node@24, then npx node.`;
}
