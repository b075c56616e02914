import { RaincheckError, type FieldError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import {
  bareHostname,
  isAddressAllowed,
  isHostAllowed,
  type AddressPolicy,
} from './address-policy.ts';
import { parseIpAddress, type IpAddress } from './ip-address.ts';

/** From https://fetch.spec.whatwg.org/#port-blocking, those above 1023. */
const badPorts = new Set([
  1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
  6679, 6697, 10080,
]);

/** Suffixes of names that never mean a host on the internet, whatever they resolve to. */
const localSuffixes = ['.local', '.internal', '.home.arpa'];

/** What a name of this machine resolves to (RFC 6761 section 6.3), without a lookup. */
const loopback: readonly IpAddress[] = [
  { family: 4, value: 0x7f00_0001n },
  { family: 6, value: 1n },
];

/**
 * The one sentence for every address that is refused, and for names that do not resolve: the exact
 * reason would tell a tenant about our network.
 */
const blockedDetail = 'Webhooks go to public addresses under names that resolve; this is not one.';

/**
 * Checks `text` as a URL that webhooks may be sent to, as far as possible without resolving its
 * name. Throws `validation_failed`, or `webhook_url_blocked` for a name or an address that is
 * refused; both name `pointer`.
 */
export function checkWebhookUrl(
  text: unknown,
  p: { readonly policy: AddressPolicy; readonly pointer: string },
): URL {
  const { policy, pointer } = p;
  if (typeof text !== 'string') throw invalidUrl(pointer, 'Expected a URL as a string.');
  const fault = textFault(text, policy);
  if (fault !== null) throw invalidUrl(pointer, fault);
  const url = URL.parse(text);
  if (url === null) throw invalidUrl(pointer, 'Not a valid URL.');
  const misfit = urlFault(url, policy);
  if (misfit !== null) throw invalidUrl(pointer, misfit);
  if (!isNameAllowed(policy, url.hostname)) throw urlBlocked(pointer);
  return url;
}

/** Whether the name, or the address in its place, may be sent to; a name must still be resolved. */
export function isNameAllowed(policy: AddressPolicy, hostname: string): boolean {
  const fixed = fixedAddresses(hostname);
  if (fixed !== null) {
    return fixed.some((address) => isAddressAllowed(policy, { address, hostname }));
  }
  if (isHostAllowed(policy, hostname)) return true;
  const name = bareHostname(hostname);
  return name.includes('.') && !localSuffixes.some((suffix) => `.${name}`.endsWith(suffix));
}

/**
 * The addresses of an IP literal, or of a name of this machine; null: the name must be resolved.
 */
export function fixedAddresses(hostname: string): readonly IpAddress[] | null {
  const name = bareHostname(hostname);
  const literal = parseIpAddress(name);
  if (literal !== null) return [literal];
  return name === 'localhost' || name.endsWith('.localhost') ? loopback : null;
}

export function urlBlocked(pointer: string): RaincheckError {
  const errors: FieldError[] = [{ pointer, detail: blockedDetail }];
  return new RaincheckError('webhook_url_blocked', blockedDetail, { errors });
}

/**
 * Faults that the URL parser would repair or lose: it drops line breaks, turns `\` into `/` and
 * forgets an empty userinfo.
 */
function textFault(text: string, policy: AddressPolicy): string | null {
  if (text.length > limits.webhookUrlChars) return tooLong();
  const authority = /^https?:\/\/([^/?#]+)/i.exec(text)?.[1];
  if (authority === undefined) {
    const schemes = policy.httpAllowed ? 'https:// or http://' : 'https://';
    return `Expected a URL that begins with ${schemes}.`;
  }
  // oxlint-disable-next-line no-control-regex -- control characters are what it looks for
  if (/[\s\\\u0000-\u001f\u007f]/.test(text)) {
    return 'Must not hold spaces, control characters or backslashes.';
  }
  if (authority.includes('@')) return 'Must not hold a user name or a password.';
  if (text.includes('#')) return 'Must not hold a fragment (#…).';
  if (!text.isWellFormed()) return 'Must not hold a lone surrogate.';
  return null;
}

function urlFault(url: URL, policy: AddressPolicy): string | null {
  // Escapes make it longer than it was given.
  if (url.href.length > limits.webhookUrlChars) return tooLong();
  if (url.protocol !== 'https:' && !policy.httpAllowed) {
    return 'Must begin with https://: the setting `webhooks.httpAllowed` of this server does not allow http://.';
  }
  const port = url.port === '' ? 443 : Number(url.port);
  const isUsual = port === 443 || port === 80;
  if (!isUsual && (port < 1_024 || badPorts.has(port))) {
    return `Port ${port} is not allowed: use 443, 80 or one from 1024 up that browsers allow.`;
  }
  return null;
}

function tooLong(): string {
  return `Must have at most ${limits.webhookUrlChars} characters.`;
}

function invalidUrl(pointer: string, detail: string): RaincheckError {
  return new RaincheckError('validation_failed', 'The webhook address is not valid.', {
    errors: [{ pointer, detail }],
  });
}
