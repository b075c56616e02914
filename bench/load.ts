import net from 'node:net';
import process from 'node:process';
import { requestText, type LoadAnswer, type LoadPlan, type LoadResult } from './load-plan.ts';
import { percentile } from './statistics.ts';

/**
 * The load generator: a process of its own that runs one LoadPlan at a time. It speaks HTTP/1.1 over
 * keep-alive sockets by hand, one request in flight on each, because it shares the machine's cores with
 * the server under test: a general client would cost more than the server.
 * It knows only responses with a Content-Length.
 */
const locations: string[] = [];

/** Pause between two polls of a followed operation, as of a client in a hurry. */
const followPauseMs = 2;

process.on('message', (plan: LoadPlan) => {
  run(plan).then(
    (result) => answer({ ok: true, result }),
    (error: unknown) => answer({ ok: false, error: String(error) }),
  );
});

function answer(message: LoadAnswer): void {
  process.send?.(message);
}

class Load {
  readonly #plan: LoadPlan;
  readonly #requests: readonly Buffer[];
  readonly #countMax: number;
  readonly #latencies: number[] = [];
  #sent = 0;
  #endAt = Infinity;
  #open = 0;
  #lastBody = '';
  #followRequest = Buffer.alloc(0);
  readonly #done = Promise.withResolvers<void>();

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    const texts =
      plan.requests === 'locations'
        ? locations.map((location) => requestText('GET', location))
        : plan.requests;
    this.#requests = texts.map((text) => Buffer.from(text));
    if (texts.length === 0) throw new Error('Nothing to request.');
    this.#countMax = 'afterCount' in plan.stop ? plan.stop.afterCount : Infinity;
    if (plan.collect) locations.length = 0;
  }

  async run(): Promise<LoadResult> {
    const { port, connections, stop } = this.#plan;
    const sockets = await Promise.all(Array.from({ length: connections }, () => connect(port)));
    const startedAt = performance.now();
    if ('afterMs' in stop) this.#endAt = startedAt + stop.afterMs;
    this.#open = sockets.length;
    for (const socket of sockets) this.#drive(socket);
    try {
      await this.#done.promise;
    } finally {
      for (const socket of sockets) socket.destroy();
    }
    const elapsedMs = performance.now() - startedAt;
    const sorted = Float64Array.from(this.#latencies).sort();
    return {
      count: sorted.length,
      elapsedMs,
      p50Ms: percentile(sorted, 0.5),
      p99Ms: percentile(sorted, 0.99),
      lastBody: this.#lastBody,
    };
  }

  #drive(socket: net.Socket): void {
    let sentAt = 0;
    let rest: Buffer | null = null;
    const next = (): void => {
      const request = this.#take();
      if (request === null) {
        this.#open -= 1;
        if (this.#open === 0) this.#done.resolve();
        return;
      }
      sentAt = performance.now();
      socket.write(request);
    };
    socket.on('data', (chunk: Buffer) => {
      const bytes: Buffer = rest === null ? chunk : Buffer.concat([rest, chunk]);
      const complete = this.#read(bytes);
      rest = complete ? null : bytes;
      if (!complete) return;
      if (this.#mustFollow(bytes)) {
        setTimeout(() => socket.write(this.#followRequest), followPauseMs);
        return;
      }
      this.#latencies.push(performance.now() - sentAt);
      if (this.#plan.pauseMs > 0) setTimeout(next, this.#plan.pauseMs);
      else next();
    });
    socket.on('error', (error) => this.#done.reject(error));
    socket.on('close', () => this.#done.reject(new Error('The server closed a connection.')));
    next();
  }

  /** Whether the followed operation has not ended yet; then #followRequest polls it. */
  #mustFollow(answer: Buffer): boolean {
    const { followUntil } = this.#plan;
    if (followUntil === '') return false;
    const location = locationOf(answer.toString('latin1', 0, answer.indexOf('\r\n\r\n')));
    if (location !== undefined) this.#followRequest = Buffer.from(requestText('GET', location));
    return !answer.includes(followUntil);
  }

  #take(): Buffer | null {
    if (this.#sent >= this.#countMax || performance.now() >= this.#endAt) return null;
    const request = this.#requests[this.#sent % this.#requests.length];
    this.#sent += 1;
    return request ?? null;
  }

  /** Whether `bytes` hold the whole response. Rejects the load when it is not the expected one. */
  #read(bytes: Buffer): boolean {
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd < 0) return false;
    const head = bytes.toString('latin1', 0, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      this.#done.reject(new Error(`No Content-Length in:\n${head}`));
      return false;
    }
    const end = headEnd + 4 + Number(length);
    if (bytes.length < end) return false;
    const { status, bodyHas, collect } = this.#plan;
    const isFollowed = this.#plan.followUntil !== '' && Number(head.slice(9, 12)) === 200;
    if (isFollowed) return true;
    if (Number(head.slice(9, 12)) !== status || (bodyHas !== '' && !bytes.includes(bodyHas))) {
      const wanted = `Expected ${status}${bodyHas === '' ? '' : ` with ${bodyHas}`}`;
      this.#done.reject(new Error(`${wanted}, got:\n${bytes.toString().slice(0, 1_500)}`));
    }
    if (collect) {
      const location = locationOf(head);
      if (location === undefined) this.#done.reject(new Error(`No Location in:\n${head}`));
      else locations.push(location);
    }
    if (this.#sent >= this.#countMax) this.#lastBody = bytes.toString('utf8', headEnd + 4, end);
    return true;
  }
}

function locationOf(head: string): string | undefined {
  return /\r\nlocation: *([^\r]+)/i.exec(head)?.[1];
}

async function run(plan: LoadPlan): Promise<LoadResult> {
  return new Load(plan).run();
}

function connect(port: number): Promise<net.Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<net.Socket>();
  const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
  socket.once('error', reject);
  socket.once('connect', () => {
    socket.off('error', reject);
    resolve(socket);
  });
  return promise;
}
