/** A copy that nobody can change: what a caller hands in stays its own, what is handed out stays as it is kept. */
export function frozenCopy<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as Record<string, unknown>;
  for (const name of Object.keys(copy)) {
    const member = copy[name];
    if (typeof member === 'object') copy[name] = frozenCopy(member);
  }
  return Object.freeze(copy as Value);
}
