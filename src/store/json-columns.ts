/** Columns that hold JSON, for the stores that keep rows. What we wrote ourselves needs no check: the caller says what it is. */
export function parsed(json: unknown): unknown {
  return json === null ? null : JSON.parse(json as string);
}

export function jsonOrNull(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

/** NULL for the most frequent case, no labels or headers. */
export function membersText(members: Readonly<Record<string, string>>): string | null {
  for (const _ in members) return JSON.stringify(members);
  return null;
}

const none: Readonly<Record<string, string>> = Object.freeze({});

/** What membersText() wrote. */
export function membersOf(json: unknown): Readonly<Record<string, string>> {
  return (parsed(json) as Readonly<Record<string, string>> | null) ?? none;
}
