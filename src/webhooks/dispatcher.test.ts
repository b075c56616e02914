import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deliveryJitter, deliveryPausesMs } from '../core/delivery-schedule.ts';
import { limits } from '../core/limits.ts';
import { gate } from '../engine/engine.fixture.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Store } from '../store/store.ts';
import { faultyStore, type StoreVerb } from '../testing/faulty-store.ts';
import { ManualClock } from '../testing/manual-clock.ts';
import { until } from '../testing/until.fixture.ts';
import { answered, hook, target, webhooksFixture, type Answer } from './webhooks.fixture.ts';

const minute = 60_000;

describe('Receivers that hang', () => {
  it('by the hundred hold up no other for longer than moments', async (t) => {
    const f = await webhooksFixture(t, {
      settings: { concurrency: 8 },
      script: ({ url }) => (url.includes('hang') ? new Promise(() => undefined) : 200),
    });
    for (let i = 0; i < 100; i += 1) await f.complete({ url: `https://hang${i}.example/` });
    await f.complete({ url: hook });
    await f.clock.advance(0);
    assert.equal(f.sent.length, 8, 'as many as there are slots');
    await f.clock.advance(limits.deliverySlotMs - 1);
    assert.equal(f.sent.length, 8);
    // 100 are ahead of it, 8 at a time.
    await f.clock.advance(Math.ceil(100 / 8) * limits.deliverySlotMs);
    const [healthy] = await f.deliveries({ states: ['delivered'] });
    assert.equal(healthy?.url, hook);
  });

  it('are bounded in number all the same', async (t) => {
    const f = await webhooksFixture(t, {
      settings: { concurrency: 2 },
      script: () => new Promise(() => undefined),
    });
    for (let i = 0; i < 50; i += 1) await f.complete({ url: `https://hang${i}.example/` });
    await f.clock.advance(10 * limits.deliverySlotMs);
    await f.clock.advance(10 * limits.deliverySlotMs);
    assert.equal(f.sender.peak, 2 * limits.deliveriesPerSlot);
  });
});

describe('The schedule of a delivery', () => {
  it('is twelve attempts, each gap within ±20 % of its pause, with one id and the same bytes', async (t) => {
    // The extremes of the jitter, and values between them.
    const draws = [0, 0.999_999, 0.5, 0.25, 0.75, 0.1, 0.9, 0, 0.999_999, 0.3, 0.7];
    let drawn = 0;
    const random = (): number => draws[drawn++ % draws.length]!;
    const f = await webhooksFixture(t, { script: () => 404, random });
    await f.complete();
    await f.clock.advance(0);
    for (let failures = 1; failures < limits.deliveryFailuresMax; failures += 1) {
      const [delivery] = await f.deliveries();
      assert.deepEqual([delivery!.state, delivery!.failures], ['pending', failures]);
      assert.match(delivery!.nextReason ?? '', new RegExp(`^schedule step ${failures} ±20 %$`));
      await f.jumpTo(delivery!.nextAt! - 1);
      assert.equal(f.sent.length, failures, 'nothing goes out before its instant');
      await f.jumpTo(delivery!.nextAt!);
      assert.equal(f.sent.length, failures + 1);
    }
    const [dead] = await f.deliveries();
    assert.deepEqual([dead!.state, dead!.attempts, dead!.nextAt], ['dead', 12, null]);
    const gaps = f.sent.slice(1).map(({ at }, i) => at - f.sent[i]!.at);
    for (const [i, gap] of gaps.entries()) {
      const pause = deliveryPausesMs[i]!;
      const exact = Math.round(pause * (1 + deliveryJitter * (2 * draws[i]! - 1)));
      assert.equal(gap, exact, `gap ${i + 1}`);
      assert.ok(Math.abs(gap - pause) <= deliveryJitter * pause, `gap ${i + 1}: ${gap}`);
    }
    assert.equal(new Set(f.sent.map(({ id }) => id)).size, 1);
    assert.equal(new Set(f.sent.map(({ body }) => body)).size, 1);
    await f.jumpTo(f.clock.now() + 48 * 60 * minute);
    assert.equal(f.sent.length, 12, 'a dead letter waits for a person');
  });

  it('ends as soon as a receiver says so with abort-message, and takes a Retry-After that is longer', async (t) => {
    const f = await webhooksFixture(t, {
      script: ({ nth, at }) =>
        nth === 1
          ? answered(503, { retryAfterAt: at + 10 * minute })
          : answered(400, { abort: true }),
    });
    await f.complete();
    await f.clock.advance(0);
    const [waiting] = await f.deliveries();
    const dueAt = f.sent[0]!.at + 10 * minute;
    assert.deepEqual([waiting!.nextAt, waiting!.nextReason], [dueAt, 'Retry-After 600']);
    await f.jumpTo(dueAt);
    const [dead] = await f.deliveries();
    assert.deepEqual([dead!.state, dead!.attempts], ['dead', 2]);
  });

  it('is what the setting says: as many pauses, one more attempt', async (t) => {
    const settings = { retryPauses: [100, '2s'] } as const;
    const f = await webhooksFixture(t, { script: () => 500, settings });
    await f.complete();
    await f.clock.advance(10_000);
    const [first, second, third, ...more] = f.sent;
    assert.deepEqual([second!.at - first!.at, third!.at - second!.at, more], [100, 2_000, []]);
    assert.equal((await f.deliveries())[0]!.state, 'dead');
  });
});

describe('An endpoint in trouble', () => {
  it('has its circuit opened by five failures over two messages, is probed, and then ramped up', async (t) => {
    let isUp = false;
    const answers: ((answer: Answer) => void)[] = [];
    const f = await webhooksFixture(t, {
      script: () => (isUp ? new Promise((resolve) => answers.push(resolve)) : 500),
    });
    for (let i = 0; i < 2; i += 1) await f.complete();
    await f.clock.advance(40_000);
    const before = f.sent.length;
    assert.equal(before, 6, 'twice at once, after 5 s and after 30 s; the fifth failure opened it');
    const openedAt = f.sent.at(-1)!.at;
    const { health } = (await f.webhooks.listEndpoints(everyone)).endpoints[0]!;
    assert.deepEqual([health.circuit, health.gateAt], ['open', openedAt + 30_000]);

    for (let i = 0; i < 10; i += 1) await f.complete();
    await f.jumpTo(openedAt + 30_000 - 1);
    assert.equal(f.sent.length, before, 'nothing goes out while it is open');
    isUp = true;
    await f.jumpTo(openedAt + 30_000);
    assert.equal(f.sent.length, before + 1, 'then one: the probe');
    const inFlight: number[] = [];
    while (answers.length > 0) {
      inFlight.push(f.sender.underWay.size);
      for (const answer of answers.splice(0)) answer(200);
      await f.clock.advance(0);
    }
    assert.deepEqual(inFlight, [1, 1, 2, 4, 2], 'the two that failed wait for their own time');
    assert.equal((await f.deliveries({ states: ['delivered'] })).length, 10);
  });

  it('that answers 410 gets no more, and all of it when it is enabled again', async (t) => {
    let isGone = true;
    const f = await webhooksFixture(t, { script: () => (isGone ? 410 : 200) });
    await f.complete();
    await f.clock.advance(0);
    for (let i = 0; i < 3; i += 1) await f.complete();
    await f.clock.advance(5 * minute);
    assert.equal(f.sent.length, 1);
    assert.equal((await f.deliveries({ states: ['held'] })).length, 4);
    const [endpoint] = (await f.webhooks.listEndpoints(everyone)).endpoints;
    assert.equal(endpoint!.disabled?.reason, 'gone');
    isGone = false;
    await f.webhooks.updateEndpoint({ id: endpoint!.id, tenant: '', body: { enabled: true } });
    await f.clock.advance(0);
    assert.equal((await f.deliveries({ states: ['delivered'] })).length, 4);
  });

  it('that says Retry-After is left alone until then, which costs what waits for it no attempt', async (t) => {
    const f = await webhooksFixture(t, {
      script: ({ at, nth }) =>
        f.sent.length === 1 && nth === 1 ? answered(429, { retryAfterAt: at + 5 * minute }) : 200,
    });
    await f.complete();
    await f.clock.advance(0);
    const gateAt = f.sent[0]!.at + 5 * minute;
    for (let i = 0; i < 3; i += 1) await f.complete();
    await f.complete({ url: 'https://other.example/' });
    await f.jumpTo(gateAt - 1);
    assert.equal(f.sent.length, 2, 'the other endpoint is not concerned');
    for (const { attempts, failures } of await f.deliveries({ states: ['pending'] })) {
      assert.ok(attempts === failures && attempts <= 1);
    }
    await f.jumpTo(gateAt);
    const done = await f.deliveries({ states: ['delivered'] });
    assert.deepEqual(
      done.map(({ attempts }) => attempts).sort((a, b) => a - b),
      [1, 1, 1, 1, 2],
    );
  });

  it('takes a quarter of the slots and no more than four attempts at once, whatever waits for it', async (t) => {
    for (const [slots, most] of [
      [64, 4],
      [8, 2],
      [2, 1],
    ] as const) {
      const f = await webhooksFixture(t, {
        settings: { concurrency: slots },
        script: ({ url }) => (url === hook ? new Promise(() => undefined) : 200),
      });
      for (let i = 0; i < 20; i += 1) await f.complete();
      await f.clock.advance(0);
      assert.equal(f.sender.underWay.size, most, `${slots} slots`);
      for (let i = 0; i < 20; i += 1) await f.complete({ url: 'https://other.example/' });
      await f.clock.advance(0);
      assert.equal((await f.deliveries({ states: ['delivered'] })).length, 20);
      assert.equal(f.sender.underWay.size, most);
    }
  });
});

const everyone = { tenant: '', limit: 10, beforeId: null };

describe('A slot', () => {
  it('is never one too many', async (t) => {
    const f = await webhooksFixture(t, {
      settings: { concurrency: 8, endpointConcurrency: 8, originConcurrency: 8 },
      script: async () => {
        await new Promise(setImmediate);
        return 200;
      },
    });
    // Submitted together: one after the other, each would be sent before the next exists.
    const urls = Array.from({ length: 60 }, (_, i) => `https://hooks.example/${i % 6}`);
    await Promise.all(urls.map((url) => f.complete({ url })));
    await until(
      'all are delivered',
      async () => (await f.deliveries({ states: ['delivered'] })).length === 60,
    );
    assert.equal(f.sender.peak, 8);
    assert.deepEqual(f.sender.overlaps, []);
  });

  it('is filled again by a claim in the turn of the settle, so that both share a commit', async (t) => {
    const calls: string[] = [];
    const goOn = gate();
    const f = await webhooksFixture(t, {
      store: recording(calls),
      settings: { concurrency: 1 },
      script: async () => {
        await goOn.promise;
        return 200;
      },
    });
    await f.complete();
    await f.complete({ url: 'https://other.example/' });
    await f.clock.advance(0);
    calls.length = 0;
    goOn.open();
    await until('two deliveries are sent', () => f.sent.length === 2);
    assert.deepEqual(calls.slice(0, 2), ['settleDeliveries', 'claimDeliveries']);
  });
});

/** Records the calls of two verbs, and where a turn of the event loop ended. */
function recording(calls: string[]): Store {
  return new Proxy(memoryStore(), {
    get(inner, verb) {
      const value: unknown = Reflect.get(inner, verb);
      if (typeof value !== 'function') return value;
      return (p: unknown): unknown => {
        if (verb === 'claimDeliveries' || verb === 'settleDeliveries') {
          calls.push(verb);
          setImmediate(() => calls.push('turn'));
        }
        return Reflect.apply(value, inner, [p]);
      };
    },
  });
}

describe('A registered endpoint that was moved', () => {
  it('gets at its new address what waited, and what is sent again; the old one gets nothing more', async (t) => {
    const f = await webhooksFixture(t, { script: ({ nth }) => (nth === 1 ? 500 : 200) });
    const { id } = await f.register({ url: 'https://old.example/a' });
    await f.complete();
    await f.clock.advance(0);
    const url = 'https://new.example/b?c=d';
    const body = { url, headers: { authorization: 'for the new one' } };
    await f.webhooks.updateEndpoint({ id, tenant: '', body });
    await f.clock.advance(10_000);
    const [delivery] = await f.deliveries({ endpointId: id });
    await f.webhooks.redeliver({ id: delivery!.id, tenant: '' });
    await f.clock.advance(1_000);
    const sent = f.sent.filter(({ id: sentId }) => sentId === delivery!.id);
    assert.deepEqual(
      sent.map((one) => [one.url, one.headers['authorization']]),
      [
        ['https://old.example/a', undefined],
        [url, 'for the new one'],
        [url, 'for the new one'],
      ],
    );
  });
});

describe('An attempt whose lease is nearly over', () => {
  it('is cut off before anyone else can have the delivery', async (t) => {
    const f = await webhooksFixture(t, {
      script: ({ nth }) => (nth === 1 ? new Promise(() => undefined) : 200),
    });
    await f.complete();
    await f.clock.advance(0);
    assert.equal(f.sent.length, 1);
    await f.clock.advance(60_000);
    assert.equal(f.sent[0]!.signal.aborted, true);
    assert.equal((await f.deliveries())[0]!.state, 'delivered');
    assert.deepEqual(f.sender.overlaps, []);
    assert.equal(f.sent[1]!.id, f.sent[0]!.id);
  });

  it('is cut off before the sweep that follows a blocked event loop', async (t) => {
    const f = await webhooksFixture(t, {
      script: ({ nth }) => (nth === 1 ? new Promise(() => undefined) : 200),
    });
    await f.complete();
    await f.clock.advance(0);
    f.clock.stall(10 * minute);
    await f.clock.advance(0);
    await f.clock.advance(10_000);
    assert.deepEqual(f.sender.overlaps, []);
    assert.equal((await f.deliveries())[0]!.state, 'delivered');
  });
});

describe('A stop', () => {
  it('claims no more and waits for what is under way', async (t) => {
    const goOn = gate();
    const f = await webhooksFixture(t, {
      settings: { concurrency: 1 },
      script: async () => {
        await goOn.promise;
        return 200;
      },
    });
    await f.complete();
    await f.complete();
    await f.clock.advance(0);
    let isStopped = false;
    const stopping = f.webhooks.stop().then(() => (isStopped = true));
    await f.clock.advance(9_000);
    assert.equal(isStopped, false);
    goOn.open();
    await stopping;
    assert.equal(f.sender.isClosed, true);
    assert.deepEqual((await f.deliveries()).map(({ state }) => state).sort(), [
      'delivered',
      'pending',
    ]);
    await assert.rejects(f.webhooks.start(), { code: 'shutting_down' });
  });

  it('cuts off what hangs; the next process sends it again with the same id', async (t) => {
    const f = await webhooksFixture(t, { script: () => new Promise(() => undefined) });
    await f.complete();
    await f.clock.advance(0);
    const stopping = f.webhooks.stop({ drainMs: 2_000 });
    await f.clock.advance(2_000);
    await stopping;
    assert.equal(f.sent[0]!.signal.aborted, true);
    assert.equal((await f.deliveries())[0]!.state, 'sending', 'what became of it is not known');
    const next = await webhooksFixture(t, { store: f.store, clock: f.clock });
    await next.clock.advance(0);
    const [delivery] = await next.deliveries();
    assert.deepEqual([delivery!.state, delivery!.attempts], ['delivered', 2]);
    assert.equal(next.sent[0]!.id, f.sent[0]!.id);
    const attempts = await next.webhooks.listAttempts({ id: delivery!.id, tenant: '' });
    assert.deepEqual(
      attempts.map(({ outcome }) => outcome),
      ['unknown', 'delivered'],
    );
  });

  it('that is cut short does not wait at all', async (t) => {
    const f = await webhooksFixture(t, { script: () => new Promise(() => undefined) });
    await f.complete();
    await f.clock.advance(0);
    const gentle = f.webhooks.stop();
    await f.webhooks.stop({ now: true });
    await gentle;
  });
});

describe('A store that fails at the Nth call', () => {
  // Without sweeps, of which there is one every second, whatever happens.
  const verbs: readonly StoreVerb[] = ['claimDeliveries', 'settleDeliveries'];
  for (const when of ['before', 'after'] as const) {
    it(`loses no delivery and overlaps no attempts: ${when} the call took effect`, async (t) => {
      let failed = 1;
      let nth = 0;
      for (; failed > 0; nth += 1) {
        const clock = new ManualClock();
        const faulty = faultyStore(memoryStore(), { nth: nth + 1, when, verbs });
        const f = await webhooksFixture(t, {
          clock,
          store: faulty.store,
          script: ({ nth: attempt }) => (attempt === 1 ? 500 : 200),
          settings: { poll: '20s' },
        });
        for (let i = 0; i < 4; i += 1) await f.complete();
        await clock.advance(minute + 1);
        failed = faulty.failures();
        const all = await f.deliveries();
        assert.deepEqual(
          all.map(({ state }) => state),
          Array.from({ length: 4 }, () => 'delivered'),
          `${when} call ${nth + 1}`,
        );
        assert.deepEqual(f.sender.overlaps, []);
        const bodies = new Map(f.sent.map(({ id, body }) => [id, body]));
        assert.equal(bodies.size, 4, 'one id for each, however often it was sent');
        for (const { id, body } of f.sent) assert.equal(body, bodies.get(id));
        await f.webhooks.stop({ now: true });
        await f.engine.stop({ now: true });
      }
      assert.ok(nth > 8, `the loop saw ${nth} calls`);
    });
  }

  it('is told once, and told again when it works', async (t) => {
    const faulty = faultyStore(memoryStore(), {
      nth: 1,
      count: 4,
      when: 'before',
      verbs: ['settleDeliveries'],
    });
    const f = await webhooksFixture(t, { store: faulty.store });
    await f.complete();
    await f.clock.advance(20_000);
    const told = f.lines.filter(({ message }) => message.includes('record how deliveries ended'));
    assert.deepEqual(
      told.map(({ message }) => message),
      [
        'Cannot record how deliveries ended; trying again.',
        'Can record how deliveries ended again.',
      ],
    );
    assert.equal(f.sent.length, 1, 'the receiver has it: nothing is sent again');
    assert.equal((await f.deliveries())[0]!.state, 'delivered');
  });

  it('that throws at once is told again as well', async (t) => {
    const inner = memoryStore();
    let left = 2;
    const settleDeliveries: Store['settleDeliveries'] = (p) => {
      left -= 1;
      if (left >= 0) throw new Error('a store of somebody whose verb is not async');
      return inner.settleDeliveries(p);
    };
    const store = new Proxy(inner, {
      get(kept, verb) {
        if (verb === 'settleDeliveries') return settleDeliveries;
        const value: unknown = Reflect.get(kept, verb);
        return typeof value === 'function' ? (value.bind(kept) as unknown) : value;
      },
    });
    const f = await webhooksFixture(t, { store });
    await f.complete();
    await f.clock.advance(20_000);
    assert.equal(f.sent.length, 1, 'the receiver has it: nothing is sent again');
    assert.equal((await f.deliveries())[0]!.state, 'delivered');
  });

  it('that refuses the words of a receiver keeps how the attempt ended', async (t) => {
    const inner = memoryStore();
    const store = new Proxy(inner, {
      get(kept, verb) {
        const value: unknown = Reflect.get(kept, verb);
        if (typeof value !== 'function') return value;
        if (verb !== 'settleDeliveries') return value.bind(kept) as unknown;
        return async (p: Parameters<Store['settleDeliveries']>[0]) => {
          if (p.settlements.some(({ result }) => result.detail !== null))
            throw new Error('refused');
          return kept.settleDeliveries(p);
        };
      },
    });
    const f = await webhooksFixture(t, {
      store,
      script: () => answered(200, { detail: 'strange' }),
    });
    await f.complete();
    await f.clock.advance(60_000);
    const [delivery] = await f.deliveries();
    assert.deepEqual([delivery!.state, delivery!.lastStatus, f.sent.length], ['delivered', 200, 1]);
  });
});

describe('The log', () => {
  it('has one line for each attempt, the last of them for the end, and nothing secret', async (t) => {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const url = 'https://hooks.example/T00/B00/path-secret?token=query-secret';
    const f = await webhooksFixture(t, {
      script: ({ nth }) => (nth === 1 ? 500 : 200),
    });
    const webhook = { ...target(url)!, headers: { authorization: 'header-secret' }, secret };
    await f.complete({ webhook, input: { value: 'body-secret', text: '"body-secret"' } });
    await f.clock.advance(10_000);
    const told = f.lines.filter(({ fields }) => 'delivery' in fields);
    assert.deepEqual(
      told.map(({ level, message, fields }) => [
        level,
        message,
        fields['attempt'],
        fields['status'],
      ]),
      [
        ['warn', 'A delivery attempt failed; it will be sent again.', 1, 500],
        ['info', 'Delivered.', 2, 200],
      ],
    );
    const { fields } = told[1]!;
    assert.equal(fields['origin'], 'https://hooks.example');
    assert.equal(fields['ageMs'], 5_000);
    const text = JSON.stringify(f.lines);
    assert.equal(f.sent[0]!.secrets[0], secret);
    for (const word of ['path-secret', 'query-secret', 'header-secret', 'body-secret', 'whsec_']) {
      assert.ok(!text.includes(word), word);
    }
  });

  it('calls a dead letter an error', async (t) => {
    const f = await webhooksFixture(t, { script: () => answered(400, { abort: true }) });
    await f.complete();
    await f.clock.advance(0);
    const [line] = f.lines.filter(({ level }) => level === 'error');
    assert.match(line!.message, /dead letter/);
  });
});
