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
