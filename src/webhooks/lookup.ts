import { lookup as systemLookup, Resolver } from 'node:dns/promises';

/**
 * The addresses of a name, as text, in the order to try them. Rejects with an error whose `code`
 * tells why: `ENOTFOUND`, `ENODATA` and `EBADNAME` (an empty or too long label) mean that the name
 * has none, all others that no answer could be had.
 */
export type Lookup = (hostname: string) => Promise<readonly string[]>;

/** For one question to one server, and how often it is asked. */
const serverTimeoutMs = 1_500;
const triesMax = 2;
/** For the whole lookup, which then fails with `ECANCELLED`. */
const lookupMsMax = 5_000;
/** How long the addresses of one family wait for those of the other (as in RFC 8305 section 3). */
const otherFamilyMs = 250;

/**
 * Asks the machine's name servers itself. It does not use getaddrinfo, which occupies one of the
 * four threads that also bring commits to the disk, for as long as somebody else's name server
 * hangs. In return, it does not read the hosts file and other sources of the system
 * (`lookupInSystem` does).
 */
export async function lookupInDns(
  hostname: string,
  servers?: readonly string[],
): Promise<readonly string[]> {
  // A new one for each lookup: it reads the configuration anew, and is cancelled without the
  // others.
  const resolver = new Resolver({ timeout: serverTimeoutMs, tries: triesMax });
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = (): void => resolver.cancel();
  let timer = setTimeout(cancel, lookupMsMax);
  const hurry = (): void => {
    clearTimeout(timer);
    timer = setTimeout(cancel, otherFamilyMs);
  };
  const families = [resolver.resolve4(hostname), resolver.resolve6(hostname)];
  for (const family of families) family.then(hurry, () => undefined);
  const answers = await Promise.allSettled(families);
  clearTimeout(timer);
  const found = answers.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
  if (found.length > 0) return found;
  const failures: unknown[] = answers.flatMap((one) =>
    one.status === 'rejected' ? [one.reason] : [],
  );
  throw failures.find((failure) => !isWithoutAddress(failure)) ?? failures[0];
}

/** Resolves names as the system does, hosts file included. */
export async function lookupInSystem(hostname: string): Promise<readonly string[]> {
  const answers = await systemLookup(hostname, { all: true, order: 'verbatim' });
  return answers.map(({ address }) => address);
}

/** Whether the error means that the name has no address, not that no answer could be had. */
export function isWithoutAddress(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME';
}
