import { expected, refuseUnknownKeys } from '../core/options.ts';
import { isGlobalUnicast, isMetadata } from './address-ranges.ts';
import {
  isSameAddress,
  isSingle,
  isWithin,
  parseIpAddress,
  parseIpRange,
  type IpAddress,
  type IpRange,
} from './ip-address.ts';

/** Where webhooks may go beyond public addresses over https. */
export type AddressPolicyOptions = {
  /** Whether plain http is allowed as well. Default false. */
  readonly httpAllowed?: boolean | undefined;
  /**
   * Addresses that are allowed although they are not public: `10.20.0.0/16`, `fd00:1::/64`,
   * `192.168.1.7`.
   */
  readonly allowedCidrs?: readonly string[] | undefined;
  /**
   * Names that are allowed whatever their address is; `*.corp.example` stands for all names below
   * it.
   */
  readonly allowedHosts?: readonly string[] | undefined;
};

export type AddressPolicy = {
  readonly httpAllowed: boolean;
  readonly allowedRanges: readonly IpRange[];
  /** Lower case, without a dot at the end; for `*.corp.example` the part from the dot on. */
  readonly allowedHosts: readonly string[];
};

/** What `raincheck dev` adds to allowedCidrs: receivers on the same machine. */
export const loopbackCidrs: readonly string[] = ['127.0.0.0/8', '::1/128'];

/** Checks the options; throws `invalid_option` with `name` before the option. */
export function addressPolicy(options: AddressPolicyOptions, name = 'webhooks'): AddressPolicy {
  refuseUnknownKeys(name, options, ['httpAllowed', 'allowedCidrs', 'allowedHosts']);
  const { httpAllowed = false, allowedCidrs = [], allowedHosts = [] } = options;
  if (typeof httpAllowed !== 'boolean') {
    throw expected(`${name}.httpAllowed`, 'true or false', httpAllowed);
  }
  return {
    httpAllowed,
    allowedRanges: list(`${name}.allowedCidrs`, allowedCidrs).map((text, index) => {
      const range = typeof text === 'string' ? parseIpRange(text) : null;
      if (range !== null) return range;
      throw expected(`${name}.allowedCidrs[${index}]`, 'a range like 10.20.0.0/16', text);
    }),
    allowedHosts: list(`${name}.allowedHosts`, allowedHosts).map((text, index) => {
      const host = typeof text === 'string' ? hostPattern(text) : null;
      if (host !== null) return host;
      const what = 'a host name like hooks.corp.example or *.corp.example';
      throw expected(`${name}.allowedHosts[${index}]`, what, text);
    }),
  };
}

/** Whether `hostname`, as a URL has it, is one of allowedHosts. */
export function isHostAllowed(policy: AddressPolicy, hostname: string): boolean {
  const name = bareHostname(hostname);
  return policy.allowedHosts.some((host) =>
    host.startsWith('.') ? name.endsWith(host) : name === host,
  );
}

/**
 * Whether to connect to `address` for `hostname`. Neither a range nor a name allows a metadata
 * service: each must be listed as a single address.
 */
export function isAddressAllowed(
  policy: AddressPolicy,
  p: { readonly address: IpAddress; readonly hostname: string },
): boolean {
  const { address } = p;
  if (isMetadata(address)) {
    const isListed = (range: IpRange): boolean => isSingle(range) && isSameAddress(range, address);
    return policy.allowedRanges.some(isListed);
  }
  return (
    isGlobalUnicast(address) ||
    policy.allowedRanges.some((range) => isWithin(range, address)) ||
    isHostAllowed(policy, p.hostname)
  );
}

/** The hostname without the brackets of an IPv6 address and without the dot of the root. */
export function bareHostname(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/**
 * The name as URLs write it, so that names compare: lower case, international names in ASCII; null:
 * it is no name.
 */
function hostPattern(text: string): string | null {
  const isWildcard = text.startsWith('*.');
  const name = isWildcard ? text.slice(2) : text;
  const literal = parseIpAddress(name);
  if (literal !== null)
    return isWildcard ? null : normalHost(literal.family === 6 ? `[${name}]` : name);
  if (!/^[^\s/?#@:*\\[\]%]+$/.test(name)) return null;
  const host = normalHost(name);
  return isWildcard && host !== null ? `.${host}` : host;
}

function normalHost(host: string): string | null {
  const url = URL.parse(`https://${host}/`);
  return url === null || url.hostname === '' ? null : bareHostname(url.hostname);
}

function list(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw expected(name, 'a list', value);
}
