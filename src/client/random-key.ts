/**
 * 128 random bits in hex. Not randomUUID, which exists only in secure contexts: a page served over
 * plain http has only getRandomValues.
 */
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
