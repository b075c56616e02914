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

/** What stands in their place. */
export const redacted = '[redacted]';

/**
 * A field of a log line as JSON, without secrets and with what an Error has to say; `withStack` false leaves out where
 * it was thrown. Never throws: what JSON cannot carry is told as a text.
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
