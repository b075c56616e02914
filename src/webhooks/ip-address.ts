import { isIPv4, isIPv6 } from 'node:net';

/**
 * An address as a number, so that ranges compare. An IPv4-mapped IPv6 address is the IPv4 address.
 */
export type IpAddress = { readonly family: 4 | 6; readonly value: bigint };

/** The addresses whose first `prefix` bits are those of `value`. */
export type IpRange = IpAddress & { readonly prefix: number };

const bitsOf = { 4: 32, 6: 128 } as const;
const mappedPrefix = 0xffffn << 32n;

/**
 * null: not an address, or one with a zone (`fe80::1%eth0`), which only makes sense on one link.
 */
export function parseIpAddress(text: string): IpAddress | null {
  if (isIPv4(text)) return { family: 4, value: fourBytes(text) };
  if (!isIPv6(text) || text.includes('%')) return null;
  return unmapped({ family: 6, value: sixteenBytes(text) });
}

/**
 * `10.0.0.0/8`, `fd00::/8`, or one address. null: not a range, or bits are set behind the prefix.
 */
export function parseIpRange(text: string): IpRange | null {
  const [start = '', length, ...rest] = text.split('/');
  const isMapped = isIPv6(start) && parseIpAddress(start)?.family === 4;
  const address = parseIpAddress(start);
  if (address === null || rest.length > 0) return null;
  const bits = bitsOf[address.family];
  if (length === undefined) return { ...address, prefix: bits };
  if (!/^\d{1,3}$/.test(length)) return null;
  const prefix = Number(length) - (isMapped ? 96 : 0);
  if (prefix < 0 || prefix > bits) return null;
  const range = { ...address, prefix };
  const tail = BigInt(bits - prefix);
  return (address.value >> tail) << tail === address.value ? range : null;
}

/** For tables written in code: throws when `text` is no range. */
export function ipRange(text: string): IpRange {
  const range = parseIpRange(text);
  if (range === null) throw new Error(`Not a range: ${text}`);
  return range;
}

export function isWithin(range: IpRange, address: IpAddress): boolean {
  if (range.family !== address.family) return false;
  const tail = BigInt(bitsOf[range.family] - range.prefix);
  return range.value >> tail === address.value >> tail;
}

/** Whether the range is one address. */
export function isSingle(range: IpRange): boolean {
  return range.prefix === bitsOf[range.family];
}

export function isSameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.family === b.family && a.value === b.value;
}

/** The text that a socket takes; IPv6 in full groups. */
export function ipAddressText({ family, value }: IpAddress): string {
  const [count, bits, radix, separator] =
    family === 4 ? ([4, 8n, 10, '.'] as const) : ([8, 16n, 16, ':'] as const);
  return Array.from({ length: count }, (_, index) => {
    const shift = BigInt(count - 1 - index) * bits;
    return ((value >> shift) & ((1n << bits) - 1n)).toString(radix);
  }).join(separator);
}

function unmapped(address: IpAddress): IpAddress {
  if (address.value >> 32n !== mappedPrefix >> 32n) return address;
  return { family: 4, value: address.value & 0xffff_ffffn };
}

function fourBytes(text: string): bigint {
  return text.split('.').reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** `text` must be valid; a dotted tail counts as two groups. */
function sixteenBytes(text: string): bigint {
  const dotted = /[^:]*\.[^:]*$/.exec(text)?.[0];
  const hex =
    dotted === undefined
      ? text
      : text.slice(0, -dotted.length) + groupsOf(fourBytes(dotted)).join(':');
  const [head = '', tail] = hex.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].reduce(
    (value, group) => (value << 16n) | BigInt(`0x${group}`),
    0n,
  );
}

function groupsOf(value: bigint): string[] {
  return [(value >> 16n).toString(16), (value & 0xffffn).toString(16)];
}
