/**
 * Imported first by the main entry. In a Node without SQLite it throws an error that names the Node
 * version needed, before a third-party package that is too new for that Node fails in its own
 * words.
 */
// oxlint-disable-next-line no-unassigned-import -- for what it does
import '../store-sqlite/sqlite.ts';
