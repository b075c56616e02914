import { limits } from '../core/limits.ts';
import {
  bareHostname,
  isAddressAllowed,
  isHostAllowed,
  type AddressPolicy,
} from './address-policy.ts';
import { isMetadata } from './address-ranges.ts';
import { parseIpAddress } from './ip-address.ts';
import { fixedAddresses, isNameAllowed } from './webhook-url.ts';

const byHttp = 'webhooks.httpAllowed (RAINCHECK_WEBHOOK_HTTP=true)';
const byCidrs = 'webhooks.allowedCidrs (RAINCHECK_WEBHOOK_CIDRS)';
const byHosts = 'webhooks.allowedHosts (RAINCHECK_WEBHOOK_HOSTS)';

/**
 * An address as it was given, and what its name resolved to; null: it was not resolved, or no
 * answer could be had.
 */
export type RefusedAddress = { readonly text: unknown; readonly found: readonly string[] | null };

/**
 * Why an address was refused, and which setting would allow it. It is for the operator's log only,
 * because it would tell a client about our network. It leaves out path and query, which hold other
 * people's tokens. null: refused for its shape, which the client is told.
 */
export function refusalReason(policy: AddressPolicy, p: RefusedAddress): string | null {
  const { text, found } = p;
  if (typeof text !== 'string' || text.length > limits.webhookUrlChars) return null;
  const url = URL.parse(text);
  if (url === null) return null;
  const where = blockedReason(policy, url.hostname, found);
  if (url.protocol !== 'http:' || policy.httpAllowed) return where;
  const plain = `${url.hostname} was to be told over plain http, which ${byHttp} allows`;
  return where === null ? plain : `${plain}; and ${where}`;
}

function blockedReason(
  policy: AddressPolicy,
  hostname: string,
  found: readonly string[] | null,
): string | null {
  const fixed = fixedAddresses(hostname);
  if (!isNameAllowed(policy, hostname)) {
    if (fixed === null) return `${hostname} is a name of a local network: ${byHosts} allows it`;
    if (!fixed.some(isMetadata)) return `${hostname} is not public: ${byCidrs} allows it`;
    return `${hostname} is a metadata service: ${byCidrs} allows it only as a single address`;
  }
  if (found === null) return null;
  if (found.length > 0) return privateReason(policy, hostname, found);
  if (isHostAllowed(policy, hostname)) return `${hostname} has no address`;
  return `${hostname} has no address; the hosts file counts for names of ${byHosts} only`;
}

function privateReason(
  policy: AddressPolicy,
  hostname: string,
  found: readonly string[],
): string | null {
  const refused = found.find((text) => {
    const address = parseIpAddress(text);
    return address === null || !isAddressAllowed(policy, { address, hostname });
  });
  if (refused === undefined) return null;
  const name = bareHostname(hostname);
  return `${name} resolves to ${refused}, which is not public: ${byCidrs} or ${byHosts} allows it`;
}
