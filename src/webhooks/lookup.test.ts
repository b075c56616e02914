import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { ManualClock } from '../testing/manual-clock.ts';
import { limits } from '../core/limits.ts';
import { LookupCache } from './lookup-cache.ts';
import { isWithoutAddress, lookupInDns, lookupInSystem } from './lookup.ts';
import { nameServer } from './name-server.fixture.ts';
import { scriptedLookup } from './receivers.fixture.ts';

const full6 = '2606:4700:4700:0:0:0:0:1111';
const names = await nameServer({
  'both.example': { a: ['1.1.1.1', '1.0.0.1'], aaaa: full6 },
  'four.example': { a: ['1.1.1.1'] },
  'six.example': { aaaa: full6 },
  'none.example': {},
  'alias.example': { cname: 'four.example' },
  'half.example': { a: ['1.1.1.1'], drop: 'aaaa' },
  'many.example': { a: Array.from({ length: 25 }, (_, n) => `1.1.1.${n}`) },
});
after(() => names.close());
const lookup = (name: string): Promise<readonly string[]> => lookupInDns(name, [names.server]);

describe('A lookup of name servers', () => {
  it('gives the addresses of both families, and follows aliases', async () => {
    assert.deepEqual((await lookup('both.example')).toSorted(), [
      '1.0.0.1',
      '1.1.1.1',
      '2606:4700:4700::1111',
    ]);
    assert.deepEqual(await lookup('four.example'), ['1.1.1.1']);
    assert.deepEqual(await lookup('six.example'), ['2606:4700:4700::1111']);
    assert.deepEqual(await lookup('alias.example'), ['1.1.1.1']);
    assert.equal((await lookup('many.example')).length, 25);
  });

  it('tells no address from no answer', async () => {
    // The last two are no names at all, so no server needs to be asked.
    const longLabel = `${'a'.repeat(64)}.example`;
    for (const name of ['none.example', 'missing.example', 'a..example', longLabel]) {
      await assert.rejects(lookup(name), (error) => isWithoutAddress(error), name);
    }
    // No server listens there.
    const refused = lookupInDns('four.example', ['127.0.0.1:1']);
    await assert.rejects(refused, (error) => !isWithoutAddress(error));
  });

  it('does not wait long for the family of which nothing comes', async () => {
    assert.deepEqual(await lookup('half.example'), ['1.1.1.1']);
    // It would have been asked again after 1.5 s.
    assert.equal(names.asked.filter((name) => name === 'half.example').length, 2);
  });
});

describe('A lookup of the system', () => {
  it('knows the hosts file', async () => {
    const found = await lookupInSystem('localhost');
    assert.ok(found.includes('127.0.0.1') || found.includes('::1'), String(found));
  });
});

describe('Looked up names', () => {
  it('are remembered for a short while, and one answer is shared', async () => {
    const clock = new ManualClock();
    const asking = scriptedLookup({ 'a.example': [['1.1.1.1'], ['2.2.2.2']] });
    const cache = new LookupCache(asking, clock);
    const both = await Promise.all([cache.find('a.example'), cache.find('a.example')]);
    assert.deepEqual(both, [['1.1.1.1'], ['1.1.1.1']]);
    clock.stall(limits.webhookLookupMs - 1);
    assert.deepEqual(await cache.find('a.example'), ['1.1.1.1']);
    assert.equal(asking.asked.length, 1);
    clock.stall(1);
    assert.deepEqual(await cache.find('a.example'), ['2.2.2.2']);
  });

  it('are asked for again when it failed', async () => {
    let times = 0;
    const cache = new LookupCache(async () => {
      times += 1;
      if (times === 1) throw Object.assign(new Error('x'), { code: 'ESERVFAIL' });
      return ['1.1.1.1'];
    }, new ManualClock());
    await assert.rejects(cache.find('a.example'), { code: 'ESERVFAIL' });
    assert.deepEqual(await cache.find('a.example'), ['1.1.1.1']);
  });

  it('are forgotten, the oldest first, when there are too many', async () => {
    const asked: string[] = [];
    const cache = new LookupCache(async (name) => {
      asked.push(name);
      return [];
    }, new ManualClock());
    for (let n = 0; n <= limits.webhookLookupNames; n += 1) await cache.find(`n${n}`);
    asked.length = 0;
    for (const name of ['n1', `n${limits.webhookLookupNames}`, 'n0']) await cache.find(name);
    assert.deepEqual(asked, ['n0']);
  });
});
