/**
 * Reads a JSON column, for the stores that keep rows. We wrote the text ourselves, so nothing is
 * validated: the caller states the type.
 */
export function parsed(json: unknown): unknown {
  return json === null ? null : JSON.parse(json as string);
}

/**
 * Reads a column of text that people or receivers wrote. SQLite keeps it as it is, PostgreSQL as
 * JSON, because its text cannot hold a U+0000.
 */
export type TextOf = (stored: unknown) => string | null;

export function jsonOrNull(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** NULL for no labels or headers, which is the most frequent case. */
export function membersText(members: Readonly<Record<string, string>>): string | null {
  for (const _ in members) return JSON.stringify(members);
  return null;
}

const none: Readonly<Record<string, string>> = Object.freeze({});

/** Reads what membersText() wrote. */
export function membersOf(json: unknown): Readonly<Record<string, string>> {
  return (parsed(json) as Readonly<Record<string, string>> | null) ?? none;
}
