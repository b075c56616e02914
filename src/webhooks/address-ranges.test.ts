import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { addressPolicy, isAddressAllowed, loopbackCidrs } from './address-policy.ts';
import { isGlobalUnicast, isMetadata } from './address-ranges.ts';
import { addressVectors } from './address-vectors.fixture.ts';
import {
  ipAddressText,
  isSingle,
  isWithin,
  parseIpAddress,
  parseIpRange,
  type IpAddress,
} from './ip-address.ts';

function address(text: string): IpAddress {
  return parseIpAddress(text) ?? assert.fail(`${text} is no address`);
}

describe('Addresses', () => {
  it('are at least ninety', () => {
    assert.ok(addressVectors.length >= 90);
    assert.equal(new Set(addressVectors.map(([text]) => text)).size, addressVectors.length);
  });

  for (const [text, is] of addressVectors) {
    it(`${JSON.stringify(text)} is ${is}`, () => {
      const parsed = parseIpAddress(text);
      if (is === 'none') return assert.equal(parsed, null);
      assert.ok(parsed !== null);
      assert.equal(isGlobalUnicast(parsed), is === 'public');
      assert.equal(isMetadata(parsed), is === 'metadata');
    });
  }

  it('keep their value through their text', () => {
    const anyAddress = fc
      .record({
        family: fc.constantFrom(4, 6),
        bits: fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }),
      })
      .map(({ family, bits }): IpAddress => {
        if (family === 4) return { family, value: bits & 0xffff_ffffn };
        return { family: 6, value: bits | (1n << 127n) };
      });
    fc.assert(
      fc.property(anyAddress, (one) => {
        assert.deepEqual(parseIpAddress(ipAddressText(one)), one);
      }),
    );
  });

  it('are read in every spelling of IPv6', () => {
    const spellings = [
      '2001:db8:0:0:1:0:0:1',
      '2001:0db8:0000:0000:0001:0000:0000:0001',
      '2001:DB8::1:0:0:1',
      '2001:db8:0:0:1::1',
      '2001:db8::1:0:0.0.0.1',
    ];
    for (const text of spellings) assert.deepEqual(address(text), address(spellings[0]!), text);
    assert.deepEqual(address('::'), { family: 6, value: 0n });
    assert.deepEqual(address('1::'), { family: 6, value: 1n << 112n });
  });
});

describe('Ranges', () => {
  it('hold what they say', () => {
    const range = parseIpRange('10.20.0.0/14')!;
    assert.ok(isWithin(range, address('10.23.255.255')));
    assert.ok(!isWithin(range, address('10.24.0.0')));
    assert.ok(!isWithin(range, address('::a14:0')));
    // net.BlockList gets this wrong: there a short IPv6 prefix matches every IPv4 address.
    assert.ok(!isWithin(parseIpRange('::/3')!, address('8.8.8.8')));
    assert.ok(isWithin(parseIpRange('::ffff:10.0.0.0/104')!, address('10.9.9.9')));
    assert.ok(isWithin(parseIpRange('0.0.0.0/0')!, address('8.8.8.8')));
  });

  it('of one address are single', () => {
    assert.ok(isSingle(parseIpRange('169.254.169.254')!));
    assert.ok(isSingle(parseIpRange('::ffff:169.254.169.254/128')!));
    assert.ok(isSingle(parseIpRange('::1/128')!));
    assert.ok(!isSingle(parseIpRange('10.0.0.0/31')!));
  });

  const malformed = ['', '10.0.0.0/33', '10.0.0.1/8', '10.0.0.0/', '10.0.0.0/8/8', '::/129'];
  for (const text of [
    ...malformed,
    'fe80::/-1',
    '10.0.0.0/0x8',
    '::ffff:1.2.3.4/95',
    'x/8',
    '10/8',
  ]) {
    it(`are not ${JSON.stringify(text)}`, () => assert.equal(parseIpRange(text), null));
  }
});

describe('The address policy', () => {
  const hostname = 'hooks.example';
  const allows = (text: string, allowedCidrs: string[], allowedHosts: string[] = []): boolean =>
    isAddressAllowed(addressPolicy({ allowedCidrs, allowedHosts }), {
      address: address(text),
      hostname,
    });

  it('allows public addresses and what is listed', () => {
    assert.ok(allows('8.8.8.8', []));
    assert.ok(!allows('10.0.0.1', []));
    assert.ok(allows('10.0.0.1', ['10.0.0.0/8']));
    assert.ok(allows('::ffff:10.0.0.1', ['10.0.0.0/8']));
    assert.ok(!allows('10.0.0.1', ['11.0.0.0/8']));
    for (const text of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) {
      assert.ok(allows(text, [...loopbackCidrs]), text);
    }
  });

  it('allows any address to a name that is listed', () => {
    assert.ok(allows('10.0.0.1', [], ['hooks.example']));
    assert.ok(allows('10.0.0.1', [], ['HOOKS.Example.']));
    assert.ok(!allows('10.0.0.1', [], ['example']));
    assert.ok(allows('10.0.0.1', [], ['*.example']));
    assert.ok(!allows('10.0.0.1', [], ['*.hooks.example']));
    assert.ok(!allows('10.0.0.1', [], ['*.ample']));
  });

  it('keeps metadata closed unless it is listed alone', () => {
    const listed = (text: string): string[] => [`${text}/32`, text];
    for (const [text, is] of addressVectors) {
      if (is !== 'metadata') continue;
      assert.ok(!allows(text, ['0.0.0.0/0', '::/0'], [hostname]), text);
      assert.ok(allows(text, [text]), text);
    }
    for (const one of listed('169.254.169.254')) assert.ok(allows('169.254.169.254', [one]));
    assert.ok(!allows('169.254.169.254', ['169.254.169.254/31']));
    // Behind a gateway it is another address, which must be listed by itself.
    assert.ok(!allows('64:ff9b::a9fe:a9fe', ['169.254.169.254']));
  });

  const misfits: [object, RegExp][] = [
    [{ allowedCidr: [] }, /Unknown option `allowedCidr` in webhooks. Did you mean `allowedCidrs`/],
    [{ allowedCidrs: '10.0.0.0/8' }, /Expected `webhooks.allowedCidrs` to be a list/],
    [{ allowedCidrs: ['10.0.0.1/8'] }, /`webhooks.allowedCidrs\[0\]` to be a range like/],
    [{ allowedHosts: ['a.example', 'http://b'] }, /`webhooks.allowedHosts\[1\]` to be a host name/],
    [{ allowedHosts: ['*'] }, /allowedHosts\[0\]/],
    [{ allowedHosts: ['*.'] }, /allowedHosts\[0\]/],
    [{ allowedHosts: ['a.example:8080'] }, /allowedHosts\[0\]/],
    [{ httpAllowed: 'yes' }, /`webhooks.httpAllowed` to be true or false/],
  ];
  for (const [options, message] of misfits) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      assert.throws(() => addressPolicy(options), { code: 'invalid_option', message });
    });
  }
});
