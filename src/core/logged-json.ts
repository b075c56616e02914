/** Names of fields whose values are never written, at any depth. Compared in lower case. */
const secretNames = new Set([
  'authorization',
  'cookie',
  'set-cookie',
  'token',
  'password',
  'secret',
  'apikey',
  'api_key',
  'x-api-key',
]);

export function isSecretName(name: string): boolean {
  return secretNames.has(name.toLowerCase());
}

/** Replaces the values of those fields. */
export const redacted = '[redacted]';

/**
 * A field of a log line as JSON, without secrets. An Error is written with its own fields;
 * `withStack: false` leaves out its stack. Never throws: a value that JSON cannot hold becomes a
 * short text.
 */
export function loggedJson(value: unknown, { withStack = true } = {}): string {
  const told = (one: unknown): unknown =>
    one instanceof Error ? errorFields(one, withStack) : one;
  try {
    const replacer = (name: string, one: unknown): unknown =>
      isSecretName(name) ? redacted : told(one);
    return JSON.stringify(told(value), replacer) ?? 'null';
  } catch {
    return '"[cannot be shown]"'; // a cycle, a BigInt, a throwing getter
  }
}

function errorFields(error: Error, withStack: boolean): object {
  const { code } = error as { code?: unknown };
  const { name, message, stack, cause } = error;
  return { type: name, message, code, ...(withStack ? { stack } : null), cause };
}
