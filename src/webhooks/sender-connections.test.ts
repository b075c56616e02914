import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { systemClock } from '../engine/system-clock.ts';
import { selfSigned } from './certificate.fixture.ts';
import { ok, openGuard, receiver, reset, sendRequest, type Answer } from './receivers.fixture.ts';
import { createSender, type SenderOptions } from './sender.ts';
import type { Sender } from './webhooks.ts';

const tls = selfSigned(['127.0.0.1']);
const senders: Sender[] = [];
function sender(options: Partial<SenderOptions> = {}): Sender {
  const made = createSender({
    guard: openGuard(),
    clock: systemClock,
    userAgent: 'x',
    ca: tls.cert,
    ...options,
  });
  senders.push(made);
  return made;
}
after(() => Promise.all(senders.map((one) => one.close())));

/** Answers the first request, and leaves what follows on the same connection to `then`. */
function firstThen(then: Answer): Answer {
  return (socket, request, number) => {
    if (number === 1) socket.write(ok);
    else then(socket, request, number);
  };
}

describe('A kept connection', () => {
  for (const scheme of ['http', 'https'] as const) {
    const open = (answer: Answer) => receiver(scheme === 'https' ? { answer, tls } : { answer });

    it(`that dies under a request has it sent once more over a new one (${scheme})`, async () => {
      for (const die of [(socket: Socket) => socket.end(), reset]) {
        const by = sender();
        const target = await open(
          firstThen((socket, _, number) => (number === 2 ? die(socket) : socket.write(ok))),
        );
        const results = [
          await by.send(sendRequest(target.url)),
          await by.send(sendRequest(target.url)),
        ];
        await target.close();
        assert.deepEqual(
          results.map((one) => one.delivered),
          [true, true],
        );
        assert.deepEqual([target.received.length, target.connections], [3, 2]);
        assert.deepEqual(target.received[1]?.body, target.received[2]?.body);
        // A new connection, so the durations of its phases are reported.
        assert.notEqual(results[1]?.timings?.connectMs, null);
      }
    });

    it(`that dies has it sent only once more, whatever becomes of that (${scheme})`, async () => {
      const by = sender();
      const target = await open(firstThen((socket) => socket.end()));
      await by.send(sendRequest(target.url));
      const result = await by.send(sendRequest(target.url));
      await target.close();
      assert.deepEqual([result.delivered, result.error], [false, 'reset']);
      assert.deepEqual([target.received.length, target.connections], [3, 2]);
    });

    for (const [what, bytes] of [
      ['a byte of an answer', 'H'],
      ['an interim answer', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ] as const) {
      it(`that dies after ${what} has nothing sent again (${scheme})`, async () => {
        const by = sender();
        const target = await open(firstThen((socket) => socket.end(bytes)));
        await by.send(sendRequest(target.url));
        const result = await by.send(sendRequest(target.url));
        await target.close();
        assert.deepEqual([result.delivered, result.error], [false, 'reset']);
        assert.deepEqual([target.received.length, target.connections], [2, 1]);
      });
    }

    it(`that stays silent until the deadline has nothing sent again (${scheme})`, async () => {
      const by = sender({ attemptMs: 1_000 });
      const target = await open(firstThen(() => undefined));
      await by.send(sendRequest(target.url));
      const result = await by.send(sendRequest(target.url));
      await target.close();
      assert.deepEqual([result.delivered, result.error], [false, 'timeout']);
      assert.deepEqual([target.received.length, target.connections], [2, 1]);
    });

    it(`that the peer closed while it was idle is not used (${scheme})`, async () => {
      const by = sender();
      const closed = Promise.withResolvers<void>();
      const target = await open((socket, _, number) => {
        socket.once('close', closed.resolve);
        socket.write(ok);
        if (number === 1) socket.end();
      });
      await by.send(sendRequest(target.url));
      await closed.promise;
      assert.equal((await by.send(sendRequest(target.url))).delivered, true);
      await target.close();
      assert.deepEqual([target.received.length, target.connections], [2, 2]);
    });

    it(`on which more came than was asked for is not used (${scheme})`, async () => {
      const by = sender();
      const stale = 'HTTP/1.1 500 Stale\r\ncontent-length: 0\r\n\r\n';
      const target = await open((socket, _, number) =>
        socket.write(number === 1 ? ok + stale : ok),
      );
      await by.send(sendRequest(target.url));
      const result = await by.send(sendRequest(target.url));
      await target.close();
      assert.equal(result.delivered, true);
      assert.equal(target.connections, 2);
    });
  }

  it('is another when the answer said close, or a time too short to rely on', async () => {
    for (const line of ['connection: close', 'keep-alive: timeout=1']) {
      const by = sender();
      const target = await receiver({
        answer: (socket) => socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 0\r\n${line}\r\n\r\n`),
      });
      for (const _ of [1, 2, 3]) await by.send(sendRequest(target.url));
      await target.close();
      assert.equal(target.connections, 3, line);
    }
  });

  it('is closed when it was idle long enough', async () => {
    const by = sender({ connections: { idleMs: 50 } });
    const closed = Promise.withResolvers<void>();
    const target = await receiver({
      answer: (socket) => {
        socket.once('close', closed.resolve);
        socket.write(ok);
      },
    });
    await by.send(sendRequest(target.url));
    await closed.promise;
    await target.close();
  });

  it('is not taken up again when it is too old', async () => {
    const by = sender({ connections: { ageMs: 0 } });
    const target = await receiver();
    for (const _ of [1, 2]) await by.send(sendRequest(target.url));
    await target.close();
    assert.equal(target.connections, 2);
  });

  it('is closed when there are too many idle ones, the longest idle first', async () => {
    const by = sender({ connections: { idleMax: 2 } });
    const closed: number[] = [];
    const firstClosed = Promise.withResolvers<void>();
    const targets = await Promise.all(
      [0, 1, 2].map((index) =>
        receiver({
          answer: (socket) => {
            socket.once('close', () => {
              closed.push(index);
              firstClosed.resolve();
            });
            socket.write(ok);
          },
        }),
      ),
    );
    for (const target of targets) await by.send(sendRequest(target.url));
    await firstClosed.promise;
    assert.deepEqual(closed, [0]);
    await by.send(sendRequest(targets[2]!.url));
    await Promise.all(targets.map((target) => target.close()));
    assert.deepEqual(
      targets.map((target) => target.connections),
      [1, 1, 1],
    );
  });

  it('is closed by close()', async () => {
    const by = sender();
    const closed = Promise.withResolvers<void>();
    const target = await receiver({
      answer: (socket) => {
        socket.once('close', closed.resolve);
        socket.write(ok);
      },
    });
    await by.send(sendRequest(target.url));
    await by.close();
    await closed.promise;
    await target.close();
  });
});

describe('Connections to one origin', () => {
  it('are one for a hundred attempts in a row, and few for a hundred at once', async () => {
    const by = sender();
    const target = await receiver();
    for (let i = 0; i < 100; i += 1) {
      assert.equal((await by.send(sendRequest(target.url))).delivered, true);
    }
    assert.equal(target.connections, 1);
    const results = await Promise.all(
      Array.from({ length: 100 }, () => by.send(sendRequest(target.url))),
    );
    await target.close();
    assert.ok(results.every((one) => one.delivered));
    assert.equal(target.received.length, 200);
    assert.ok(target.connections <= limits.webhookConnectionsMax, String(target.connections));
  });

  it('are waited for in line when all are taken, until the deadline', async () => {
    const by = sender({ attemptMs: 5_000, connections: { perOriginMax: 1 } });
    const held = Promise.withResolvers<Socket>();
    const firstHeld: Answer = (socket, _, number) => {
      if (number === 1) held.resolve(socket);
      else socket.write(ok);
    };
    const target = await receiver({
      answer: firstHeld,
    });
    const first = by.send(sendRequest(target.url));
    const impatient = new AbortController();
    const second = by.send(sendRequest(target.url, { signal: impatient.signal }));
    const third = by.send(sendRequest(target.url));
    impatient.abort();
    assert.equal((await second).error, 'timeout');
    (await held.promise).write(ok);
    assert.deepEqual([(await first).delivered, (await third).delivered], [true, true]);
    assert.equal(target.connections, 1);
    await target.close();
  });

  it('that cannot be made do not use up their places', async () => {
    const by = sender({ connections: { perOriginMax: 2 } });
    const target = await receiver();
    await target.close();
    const results = await Promise.all(
      Array.from({ length: 20 }, () => by.send(sendRequest(target.url))),
    );
    assert.deepEqual([...new Set(results.map((one) => one.error))], ['connect_refused']);
  });

  it('that a request cannot be signed for are given back', async () => {
    const by = sender({ attemptMs: 5_000, connections: { perOriginMax: 1 } });
    const target = await receiver();
    const unsigned = await by.send(sendRequest(target.url, { secrets: ['whsk_AA=='] }));
    assert.equal(unsigned.delivered, false);
    assert.equal((await by.send(sendRequest(target.url))).delivered, true);
    assert.equal(target.connections, 1, 'one connection, used by both');
    await target.close();
  });

  it('that hang leave other origins alone', async () => {
    const by = sender({ attemptMs: 10_000 });
    const stop = new AbortController();
    const hanging = await receiver({ answer: () => undefined });
    const healthy = await receiver();
    const stuck = Array.from({ length: 50 }, () =>
      by.send(sendRequest(hanging.url, { signal: stop.signal })),
    );
    assert.equal((await by.send(sendRequest(healthy.url))).delivered, true);
    stop.abort();
    assert.deepEqual(
      new Set((await Promise.all(stuck)).map((one) => one.error)),
      new Set(['timeout']),
    );
    await Promise.all([hanging.close(), healthy.close()]);
    assert.ok(hanging.connections <= limits.webhookConnectionsMax);
  });
});
