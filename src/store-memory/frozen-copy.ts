/**
 * A copy that nobody can change: a caller keeps its own object, and what is handed out cannot
 * change what is kept.
 */
export function frozenCopy<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  for (const name of Object.keys(copy)) {
    const member = copy[name];
    if (typeof member === 'object') copy[name] = frozenCopy(member);
  }
  return Object.freeze(copy as Value);
}
