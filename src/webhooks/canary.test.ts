import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createAddressGuard } from './address-guard.ts';
import { addressPolicy, loopbackCidrs, type AddressPolicyOptions } from './address-policy.ts';
import { addressVectors } from './address-vectors.fixture.ts';
import { selfSigned } from './certificate.fixture.ts';
import { isGlobalUnicast } from './address-ranges.ts';
import { parseIpAddress } from './ip-address.ts';
import type { Lookup } from './lookup.ts';
import { receiver, sendRequest, type Receiver } from './receivers.fixture.ts';
import { createSender } from './sender.ts';
import { urlVectors } from './url-vectors.fixture.ts';

/**
 * The guard as a whole: real listeners on loopback, http and https, IPv4 and IPv6. Every entry of
 * the tables is sent at them through the sender, as if it had come past registration. No attempt
 * may even connect. The same attempts with loopback allowed do connect, which proves that the test
 * can fail.
 */
const tls = selfSigned(['localhost', '127.0.0.1', '::1']);
const canaries: readonly Receiver[] = [
  await receiver({ host: '127.0.0.1' }),
  await receiver({ host: '127.0.0.1', tls }),
  await receiver({ host: '::1' }),
  await receiver({ host: '::1', tls }),
];
after(() => Promise.all(canaries.map((one) => one.close())));
/**
 * Each scheme goes to its own listeners: https at the others would wait for a handshake that never
 * comes.
 */
const httpPorts = [canaries[0]!.port, canaries[2]!.port];
const httpsPorts = [canaries[1]!.port, canaries[3]!.port];

function at(host: string): string[] {
  return [
    ...httpPorts.map((port) => `http://${host}:${port}/`),
    ...httpsPorts.map((port) => `https://${host}:${port}/`),
  ];
}

const connections = (): number[] => canaries.map((one) => one.connections);

/** Every URL of the table, at the canaries' ports. */
function urlsOfTable(): string[] {
  return urlVectors.flatMap(([template, is]) =>
    [0, 1].map((index) => {
      const port = String(httpsPorts[index]);
      if (is === 'fine') return Object.assign(new URL(template), { port }).href;
      return template.replace('{port}', String(httpPorts[index])).replace('{httpsPort}', port);
    }),
  );
}

/** Nothing here leaves the machine: no public address is dialled. */
function staysHere(url: string): boolean {
  const host = URL.parse(url)?.hostname.replaceAll(/[[\]]/g, '') ?? '';
  const address = parseIpAddress(host);
  return address === null || !isGlobalUnicast(address);
}

/** Every address that is not public, in place of a name, over both schemes. */
function urlsOfAddresses(): string[] {
  return addressVectors
    .filter(([, is]) => is !== 'public')
    .flatMap(([text]) => {
      const host = text.includes(':') ? `[${text.replaceAll(/[[\]]/g, '')}]` : text;
      return at(host);
    });
}

/** A name for each such address, and names whose answers change or mix addresses. */
const trapNames: Readonly<Record<string, readonly (readonly string[])[]>> = Object.fromEntries([
  ...addressVectors
    .filter(([, is]) => is !== 'public')
    .map(([text], index) => [`trap-${index}.example`, [[text]]] as const),
  ['both.example', [['127.0.0.1', '::1']]],
  ['mixed.example', [['10.0.0.1', '127.0.0.1', '169.254.169.254', '::1']]],
  ['rebind.example', [['0.0.0.0'], ['127.0.0.1']]],
  ['flip.example', [['127.0.0.1'], ['::1'], ['::ffff:127.0.0.1']]],
  ['empty.example', [[]]],
  ['huge.example', [Array.from({ length: 5_000 }, (_, n) => (n % 2 === 0 ? '127.0.0.1' : '::1'))]],
]);

/** Resolves the trap names; every other name means this machine. */
function trapLookup(): Lookup {
  const times = new Map<string, number>();
  return async (hostname) => {
    const lists = trapNames[hostname] ?? [['127.0.0.1', '::1']];
    const count = times.get(hostname) ?? 0;
    times.set(hostname, count + 1);
    return lists[Math.min(count, lists.length - 1)] ?? [];
  };
}

async function sendEverything(options: AddressPolicyOptions): Promise<Map<string, number>> {
  const clock = new ManualClock();
  const guard = createAddressGuard({ policy: addressPolicy(options), clock, lookup: trapLookup() });
  // No connection is kept idle, so that each attempt has to pass the guard.
  const connectionLimits = { ageMs: 0 };
  const sender = createSender({
    guard,
    clock,
    userAgent: 'x',
    ca: tls.cert,
    attemptMs: 500,
    connections: connectionLimits,
  });
  const errors = new Map<string, number>();
  const send = async (url: string): Promise<void> => {
    const { error } = await sender.send(sendRequest(url));
    errors.set(String(error), (errors.get(String(error)) ?? 0) + 1);
  };
  const names = Object.keys(trapNames).flatMap(at);
  const urls = [...urlsOfTable(), ...urlsOfAddresses(), ...names];
  for (const url of urls.filter(staysHere)) await send(url);
  for (const url of names.filter((name) => /rebind|flip/.test(name))) {
    clock.stall(limits.webhookLookupMs);
    await send(url);
  }
  await sender.close();
  return errors;
}

describe('Canaries on loopback', () => {
  it('see no connection over all vectors with the defaults of serve', async () => {
    const errors = await sendEverything({});
    assert.deepEqual(connections(), [0, 0, 0, 0]);
    // Refusals only: not delivered, not refused by a peer, not timed out.
    const allowed = ['blocked_address', 'protocol', 'dns'];
    assert.deepEqual(
      [...errors.keys()].filter((error) => !allowed.includes(error)),
      [],
    );
    assert.ok((errors.get('blocked_address') ?? 0) > 500, String([...errors]));
  });

  it('see none when http is allowed as well', async () => {
    await sendEverything({ httpAllowed: true });
    assert.deepEqual(connections(), [0, 0, 0, 0]);
  });

  it('see none when other private addresses and names are allowed', async () => {
    const allowedCidrs = ['10.0.0.0/32', '169.254.169.254', 'fd12::/16'];
    await sendEverything({ httpAllowed: true, allowedCidrs, allowedHosts: ['other.example'] });
    assert.deepEqual(connections(), [0, 0, 0, 0]);
  });

  it('see many when loopback is allowed: this test can fail', async () => {
    const errors = await sendEverything({ httpAllowed: true, allowedCidrs: loopbackCidrs });
    for (const count of connections()) assert.ok(count >= 10, String(connections()));
    assert.ok((errors.get('null') ?? 0) > 40, String([...errors]));
  });
});
