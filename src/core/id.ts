/**
 * Ids: a prefix + 26 characters of Crockford base32 = 48 bits of milliseconds + 80 random bits,
 * so that ids sort by time of creation and cannot be guessed. Ids of one millisecond sort at random.
 * `op_` operations, `msg_` deliveries (the `webhook-id`), `ep_` endpoints.
 */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const operationIdPattern = /^op_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const deliveryIdPattern = /^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
const endpointIdPattern = /^ep_[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export const randomBytesPerId = 10;

/** `random` is at least 10 bytes from a cryptographic source, read from `offset`. */
export function operationId(nowMs: number, random: Uint8Array, offset = 0): string {
  return `op_${timeOrdered(nowMs, random, offset)}`;
}

export function deliveryId(nowMs: number, random: Uint8Array, offset = 0): string {
  return `msg_${timeOrdered(nowMs, random, offset)}`;
}

export function endpointId(nowMs: number, random: Uint8Array): string {
  return `ep_${timeOrdered(nowMs, random, 0)}`;
}

function timeOrdered(nowMs: number, random: Uint8Array, offset: number): string {
  let tail = '';
  for (let group = 0; group < randomBytesPerId; group += 5) {
    tail += fiveBytes(random, offset + group);
  }
  return `${timeText(nowMs)}${tail}`;
}

let latest = { ms: Number.NaN, text: '' };

/** The text of the latest millisecond is kept, because under load many ids share it. */
function timeText(ms: number): string {
  if (ms === latest.ms) return latest.text;
  let text = '';
  let rest = ms;
  for (let i = 0; i < 10; i += 1) {
    text = alphabet.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  latest = { ms, text };
  return text;
}

/** Five bytes are exactly eight characters. */
function fiveBytes(bytes: Uint8Array, at: number): string {
  const high = ((bytes[at] ?? 0) << 12) | ((bytes[at + 1] ?? 0) << 4) | ((bytes[at + 2] ?? 0) >> 4);
  const low =
    (((bytes[at + 2] ?? 0) & 15) << 16) | ((bytes[at + 3] ?? 0) << 8) | (bytes[at + 4] ?? 0);
  return fourCharacters(high) + fourCharacters(low);
}

function fourCharacters(twentyBits: number): string {
  return (
    alphabet.charAt((twentyBits >> 15) & 31) +
    alphabet.charAt((twentyBits >> 10) & 31) +
    alphabet.charAt((twentyBits >> 5) & 31) +
    alphabet.charAt(twentyBits & 31)
  );
}

export function isOperationId(text: string): boolean {
  return operationIdPattern.test(text);
}

export function isDeliveryId(text: string): boolean {
  return deliveryIdPattern.test(text);
}

export function isEndpointId(text: string): boolean {
  return endpointIdPattern.test(text);
}

/** The smallest id an operation created at `nowMs` can have: turns a time filter into a key range. */
export function smallestIdAt(nowMs: number): string {
  return operationId(Math.max(0, nowMs), new Uint8Array(randomBytesPerId));
}

/** The same for deliveries. */
export function smallestDeliveryIdAt(nowMs: number): string {
  return deliveryId(Math.max(0, nowMs), new Uint8Array(randomBytesPerId));
}
