import { ipRange, isSameAddress, isWithin, type IpAddress } from './ip-address.ts';

/**
 * Which addresses are not public on the internet. Sources: the IANA special-purpose registries for
 * IPv4 and IPv6 (RFC 6890 and its updates) and the metadata services of the clouds. Ranges are
 * numbers of our own and not a net.BlockList: there an IPv6 rule with a short prefix matches every
 * IPv4 address, and `tls.connect` and undici ignore the list altogether.
 *
 * IPv6 addresses that carry an IPv4 address (NAT64, 6to4, Teredo, IPv4-compatible, translated) are
 * all denied, because what they reach depends on a gateway that we do not know. Only an IPv4-mapped
 * address is the IPv4 address itself (ip-address.ts).
 */
const deniedIpv4 = [
  '0.0.0.0/8', // this network; 0.0.0.0 reaches loopback
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared, behind carrier NAT
  '127.0.0.0/8', // loopback
  '168.63.129.16/32', // Azure's host, from inside a virtual machine
  '169.254.0.0/16', // link-local, most metadata services
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relays, deprecated
  '192.168.0.0/16', // private
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast included
].map(ipRange);

/**
 * All of global unicast; addresses outside (loopback, mapped, NAT64, ULA, link-local, multicast)
 * are denied.
 */
const globalIpv6 = ipRange('2000::/3');
const deniedIpv6 = [
  '2001::/23', // protocol assignments: Teredo, benchmarks, ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4
  '3fff::/20', // documentation
].map(ipRange);

export function isGlobalUnicast(address: IpAddress): boolean {
  if (address.family === 4) return !deniedIpv4.some((range) => isWithin(range, address));
  return isWithin(globalIpv6, address) && !deniedIpv6.some((range) => isWithin(range, address));
}

/**
 * Metadata services give the machine's credentials to anyone who asks, so each must be listed as a
 * single address to be allowed.
 */
const metadata = [
  '169.254.169.254', // AWS, Azure, Google, Oracle, DigitalOcean …
  '169.254.170.2', // AWS ECS
  '169.254.170.23', // AWS EKS
  '169.254.0.23', // Tencent
  '100.100.100.200', // Alibaba
  '192.0.0.192', // Oracle, older
  '168.63.129.16', // Azure's host
  'fd00:ec2::254', // AWS
  'fd00:ec2::23', // AWS EKS
  'fd00:c1::a9fe:a9fe', // Oracle
  'fd20:ce::254', // Google
  'fe80::a9fe:a9fe', // OpenStack
].map(ipRange);

/**
 * Also recognises an address behind NAT64, 6to4, Teredo and the other ways to carry an IPv4
 * address.
 */
export function isMetadata(address: IpAddress): boolean {
  return [address, ...carried(address)].some((one) =>
    metadata.some((range) => isSameAddress(range, one)),
  );
}

const carriersOfLow32 = ['::/96', '::ffff:0:0:0/96', '64:ff9b::/32'].map(ipRange);
const sixToFour = ipRange('2002::/16');
const teredo = ipRange('2001::/32');

/** The IPv4 addresses that an IPv6 address may lead to. */
function carried(address: IpAddress): IpAddress[] {
  if (address.family === 4) return [];
  const ipv4 = (value: bigint): IpAddress => ({ family: 4, value: value & 0xffff_ffffn });
  const { value } = address;
  if (carriersOfLow32.some((range) => isWithin(range, address))) return [ipv4(value)];
  if (isWithin(sixToFour, address)) return [ipv4(value >> 80n)];
  // The client's address is stored with every bit flipped, RFC 4380 section 4.
  if (isWithin(teredo, address)) return [ipv4(value >> 64n), ipv4(~value)];
  return [];
}
