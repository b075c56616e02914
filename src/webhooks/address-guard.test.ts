import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { systemClock } from '../engine/system-clock.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { createAddressGuard } from './address-guard.ts';
import { addressPolicy, type AddressPolicyOptions } from './address-policy.ts';
import { addressVectors } from './address-vectors.fixture.ts';
import { lookupInDns, type Lookup } from './lookup.ts';
import { nameServer } from './name-server.fixture.ts';
import { receiver, scriptedLookup, sendRequest, silentPort } from './receivers.fixture.ts';
import { createSender } from './sender.ts';
import type { Sender } from './webhooks.ts';

const url = 'https://hooks.example/x';

function guardOf(lookup: Lookup, options: AddressPolicyOptions = {}, clock = systemClock) {
  return createAddressGuard({ policy: addressPolicy(options), clock, lookup });
}

const senders: Sender[] = [];
after(() => Promise.all(senders.map((one) => one.close())));
function senderOf(lookup: Lookup, options: AddressPolicyOptions = {}, clock = systemClock): Sender {
  const guard = guardOf(lookup, { httpAllowed: true, ...options }, clock);
  const sender = createSender({ guard, clock, userAgent: 'x' });
  senders.push(sender);
  return sender;
}

/** 'accepted', or the code of the refusal. */
async function registered(lookup: Lookup, options: AddressPolicyOptions = {}): Promise<string> {
  try {
    await guardOf(lookup, options).resolveAndCheck(url, '/url');
    return 'accepted';
  } catch (error) {
    assert.ok(error instanceof RaincheckError);
    return error.code;
  }
}

const giving =
  (...addresses: string[]): Lookup =>
  async () =>
    addresses;
const failing =
  (code: string): Lookup =>
  () =>
    Promise.reject(Object.assign(new Error(code), { code }));

describe('At registration a name', () => {
  it('is accepted when all its addresses are public', async () => {
    assert.equal(await registered(giving('1.1.1.1')), 'accepted');
    assert.equal(await registered(giving('1.1.1.1', '2606:4700:4700::1111')), 'accepted');
  });

  for (const [text, is] of addressVectors) {
    if (is === 'public') continue;
    it(`is refused when one of them is ${JSON.stringify(text)}`, async () => {
      assert.equal(await registered(giving(text)), 'webhook_url_blocked');
      assert.equal(await registered(giving('1.1.1.1', text)), 'webhook_url_blocked');
      const many = Array.from({ length: 4_000 }, () => '1.1.1.1');
      assert.equal(await registered(giving(...many, text)), 'webhook_url_blocked');
    });
  }

  it('is refused when it has none, in the same words', async () => {
    const errors = [giving(), giving('10.0.0.1'), failing('ENOTFOUND'), failing('ENODATA')].map(
      async (lookup) => {
        const error: unknown = await guardOf(lookup)
          .resolveAndCheck(url, '/url')
          .catch((error: unknown) => error);
        assert.ok(error instanceof RaincheckError);
        return [error.code, error.message, error.errors, error.cause];
      },
    );
    const told = await Promise.all(errors);
    for (const one of told) assert.deepEqual(one, told[0]);
    assert.deepEqual(told[0]?.slice(0, 1), ['webhook_url_blocked']);
  });

  it('is accepted when nobody can tell: the connect checks again', async () => {
    for (const code of ['ESERVFAIL', 'ECONNREFUSED', 'ETIMEOUT', 'EAI_AGAIN']) {
      assert.equal(await registered(failing(code)), 'accepted');
    }
    const silent: Lookup = () => new Promise(() => undefined);
    const policy = addressPolicy({});
    const guard = createAddressGuard({
      policy,
      clock: systemClock,
      lookup: silent,
      registrationMs: 50,
    });
    assert.equal((await guard.resolveAndCheck(url, '')).href, url);
  });

  it('is not asked for when too many look-ups are under way: the connect checks again', async () => {
    const asked: PromiseWithResolvers<readonly string[]>[] = [];
    const guard = createAddressGuard({
      policy: addressPolicy({}),
      clock: systemClock,
      lookup: () => {
        asked.push(Promise.withResolvers());
        return asked.at(-1)!.promise;
      },
      registrationMs: 60_000,
    });
    const check = (name: string) => guard.resolveAndCheck(`https://${name}.example.com/`, '');
    const waiting = Array.from({ length: limits.webhookLookups }, (_, i) => check(`n${i}`));
    assert.equal((await check('one-more')).hostname, 'one-more.example.com');
    // A name that is being looked up already costs nothing more.
    const same = check('n0');
    assert.equal(asked.length, limits.webhookLookups);
    for (const { resolve } of asked) resolve(['10.0.0.1']);
    for (const one of [...waiting, same]) await assert.rejects(one, /public addresses/);
    const again = check('one-more');
    assert.equal(asked.length, limits.webhookLookups + 1);
    asked.at(-1)!.resolve(['10.0.0.1']);
    await assert.rejects(again, /public addresses/);
  });

  it('is not asked for when it is an address, or when the shape is wrong', async () => {
    const lookup = scriptedLookup({});
    const guard = guardOf(lookup);
    await guard.resolveAndCheck('https://1.1.1.1/', '');
    await assert.rejects(guard.resolveAndCheck('https://127.0.0.1/', ''));
    await assert.rejects(guard.resolveAndCheck('https://a.example:22/', ''));
    await assert.rejects(guard.resolveAndCheck('https://localhost/', ''));
    assert.deepEqual(lookup.asked, []);
    assert.equal(guard.checkUrl(url, '').href, url);
  });

  it('is checked against what is allowed', async () => {
    const allowedCidrs = ['10.0.0.0/8'];
    assert.equal(await registered(giving('10.1.1.1'), { allowedCidrs }), 'accepted');
    assert.equal(
      await registered(giving('10.1.1.1', '127.0.0.1'), { allowedCidrs }),
      'webhook_url_blocked',
    );
    const allowedHosts = ['hooks.example'];
    assert.equal(await registered(giving('127.0.0.1'), { allowedHosts }), 'accepted');
    assert.equal(
      await registered(giving('169.254.169.254'), { allowedHosts }),
      'webhook_url_blocked',
    );
  });
});

describe('At a connect', () => {
  for (const scheme of ['http', 'https']) {
    it(`an address that became another since registration is not dialled, over ${scheme}`, async () => {
      const canary = await receiver();
      const clock = new ManualClock();
      const lookup = scriptedLookup({ 'hooks.example': [['1.1.1.1'], ['127.0.0.1']] });
      const guard = guardOf(lookup, { httpAllowed: true }, clock);
      const target = `${scheme}://hooks.example:${canary.port}/`;
      await guard.resolveAndCheck(target, '');
      clock.stall(limits.webhookLookupMs);
      const sender = createSender({ guard, clock, userAgent: 'x' });
      const result = await sender.send(sendRequest(target));
      await Promise.all([sender.close(), canary.close()]);
      assert.deepEqual(
        [result.delivered, result.error, result.detail],
        [false, 'blocked_address', null],
      );
      assert.equal(lookup.asked.length, 2);
      assert.equal(canary.connections, 0);
    });
  }

  it('only the addresses that are allowed are dialled', async () => {
    const canary = await receiver();
    const allowedCidrs = ['127.0.0.2/32'];
    const target = await receiver({ host: '127.0.0.2' });
    const answers = [['127.0.0.1', '10.0.0.1', '127.0.0.2']];
    const address = `http://hooks.example:${target.port}/`;
    const sender = senderOf(scriptedLookup({ 'hooks.example': answers }), { allowedCidrs });
    assert.equal((await sender.send(sendRequest(address))).delivered, true);
    await Promise.all([canary.close(), target.close()]);
    assert.equal(canary.connections, 0);
  });

  it('the next address is tried when one refuses, but only a few', async () => {
    const allowedCidrs = ['127.0.0.0/8'];
    const target = await receiver({ host: '127.0.1.7' });
    const refusing = (count: number): string[] =>
      Array.from({ length: count }, (_, n) => `127.0.1.${100 + n}`);
    const sentAfter = async (count: number): Promise<string | null> => {
      const sender = senderOf(giving(...refusing(count), '127.0.1.7'), { allowedCidrs });
      return (await sender.send(sendRequest(`http://a.example:${target.port}/`))).error;
    };
    assert.equal(await sentAfter(5), null);
    assert.equal(await sentAfter(6), 'connect_refused');
    await target.close();
  });

  it('a huge answer is searched for what is allowed', async () => {
    const target = await receiver({ host: '127.0.0.2' });
    const many = Array.from({ length: 10_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
    const sender = senderOf(giving(...many, '127.0.0.2'), { allowedCidrs: ['127.0.0.2'] });
    const result = await sender.send(sendRequest(`http://a.example:${target.port}/`));
    await target.close();
    assert.equal(result.delivered, true);
  });

  it('an address that leads elsewhere is found out before anything is sent', async () => {
    // Connecting to 0.0.0.0 ends at 127.0.0.1, whatever the policy says about that address.
    const canary = await receiver();
    const sender = senderOf(giving(), { allowedCidrs: ['0.0.0.0/32'] });
    const result = await sender.send(sendRequest(`http://0.0.0.0:${canary.port}/`));
    await canary.close();
    assert.equal(result.error, 'blocked_address');
    assert.equal(canary.received.length, 0);
  });

  it('a kept connection is not asked about again, a new one is', async () => {
    const target = await receiver();
    const clock = new ManualClock();
    const allowedCidrs = ['127.0.0.1/32'];
    const lookup = scriptedLookup({ 'a.example': [['127.0.0.1'], ['127.0.0.3']] });
    const sender = senderOf(lookup, { allowedCidrs }, clock);
    const address = `http://a.example:${target.port}/`;
    assert.equal((await sender.send(sendRequest(address))).error, null);
    clock.stall(limits.webhookLookupMs);
    assert.equal((await sender.send(sendRequest(address))).error, null);
    await target.close();
    assert.equal((await sender.send(sendRequest(address))).error, 'blocked_address');
  });

  it('http is refused when it is no longer configured', async () => {
    const canary = await receiver();
    const guard = guardOf(giving('127.0.0.1'), { allowedCidrs: ['127.0.0.0/8'] });
    const sender = createSender({ guard, clock: systemClock, userAgent: 'x' });
    const result = await sender.send(sendRequest(`http://a.example:${canary.port}/`));
    await Promise.all([sender.close(), canary.close()]);
    assert.equal(result.error, 'blocked_address');
    assert.equal(canary.connections, 0);
  });

  it('names are resolved by a real name server, aliases followed and checked', async () => {
    const canary = await receiver();
    const target = await receiver({ host: '127.0.0.2' });
    const names = await nameServer({
      'good.example': { cname: 'target.example' },
      'target.example': { a: ['127.0.0.2'] },
      'bad.example': { cname: 'inside.example' },
      'inside.example': { a: ['127.0.0.1'] },
      'mapped.example': { aaaa: '0:0:0:0:0:ffff:7f00:1' },
    });
    const lookup: Lookup = (name) => lookupInDns(name, [names.server]);
    const sender = senderOf(lookup, { allowedCidrs: ['127.0.0.2/32'] });
    const error = async (host: string, port: number): Promise<string | null> =>
      (await sender.send(sendRequest(`http://${host}:${port}/`))).error;
    assert.equal(await error('good.example', target.port), null);
    assert.equal(await error('bad.example', canary.port), 'blocked_address');
    assert.equal(await error('mapped.example', canary.port), 'blocked_address');
    assert.equal(await error('missing.example', canary.port), 'dns');
    await Promise.all([canary.close(), target.close()]);
    names.close();
    assert.equal(canary.connections, 0);
  });

  it('a name of the inside is not resolved, even if its address were allowed', async () => {
    const canary = await receiver();
    const lookup = scriptedLookup({ 'x.internal': [['127.0.0.1']] });
    const sender = senderOf(lookup, { allowedCidrs: ['127.0.0.1'] });
    const result = await sender.send(sendRequest(`http://x.internal:${canary.port}/`));
    await canary.close();
    assert.deepEqual([result.error, lookup.asked, canary.connections], ['blocked_address', [], 0]);
  });

  it('the next address is tried beside one that does not answer', async () => {
    const silent = await silentPort();
    const target = await receiver({ host: '127.0.0.2', port: silent.port });
    const sender = senderOf(giving('127.0.0.1', '127.0.0.2'), { allowedCidrs: ['127.0.0.0/8'] });
    const result = await sender.send(sendRequest(`http://a.example:${target.port}/`));
    await Promise.all([target.close(), silent.close()]);
    assert.equal(result.delivered, true);
  });

  it('localhost is only those of its addresses that are allowed', async () => {
    const canary = await receiver();
    const sender = senderOf(giving(), { allowedCidrs: ['::1'] });
    const result = await sender.send(sendRequest(`http://localhost:${canary.port}/`));
    await canary.close();
    assert.deepEqual([result.error, canary.connections], ['connect_refused', 0]);
  });

  it('localhost needs no name server', async () => {
    const lookup = scriptedLookup({});
    for (const host of ['127.0.0.1', '::1']) {
      const target = await receiver({ host });
      const sender = senderOf(lookup, { allowedCidrs: ['127.0.0.0/8', '::1'] });
      const result = await sender.send(sendRequest(`http://localhost:${target.port}/`));
      await target.close();
      assert.equal(result.delivered, true);
    }
    assert.deepEqual(lookup.asked, []);
  });
});
