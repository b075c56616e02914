/**
 * Imported before all else by what programs import: in a Node without SQLite it throws the sentence that says which one is
 * needed, before a package of others that is as new fails in words of its own.
 */
// oxlint-disable-next-line no-unassigned-import -- for what it does
import '../store-sqlite/sqlite.ts';
