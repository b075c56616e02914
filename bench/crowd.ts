import assert from 'node:assert/strict';
import { Agent, request, type IncomingMessage } from 'node:http';
import { EventStreamParser } from '../src/client/event-stream.ts';
import type { WireOperation } from '../src/core/wire-operation.ts';

/** The final result of one watcher. */
export type Told = {
  readonly operation: WireOperation;
  /** Time from `finished_at` (by a clock of the same machine) to its arrival here. */
  readonly lagMs: number;
  /** Number of events of the stream, or of answers to the polls. */
  readonly answers: number;
  /** The id of the last event; null for polls. */
  readonly lastId: string | null;
};

export type Watcher = {
  /** Resolves when the server has sent something and the watcher waits for more. */
  readonly waits: Promise<void>;
  /** Resolves when a final state has arrived. Rejects when none can arrive any more. */
  readonly ended: Promise<Told>;
};

/**
 * Many clients of one server, each over a connection of its own, as browsers would be. They use no
 * client library, so that the figures are the server's. A stream that ends without a final event
 * has missed it, and rejects.
 */
export class Crowd {
  readonly #base: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });

  constructor(base: string) {
    this.#base = base;
  }

  /** Submits to `path` and returns the ids. */
  async submit(path: string, count: number): Promise<string[]> {
    const ids: string[] = [];
    for (let left = count; left > 0; left -= 100) {
      const batch = Array.from({ length: Math.min(100, left) }, async () => {
        const headers = { 'content-type': 'application/json' };
        const response = await fetch(this.#base + path, { method: 'POST', headers, body: '{}' });
        if (response.status !== 202) throw new Error(`${response.status} for a submit`);
        return ((await response.json()) as WireOperation).id;
      });
      ids.push(...(await Promise.all(batch)));
    }
    return ids;
  }

  byStream(id: string): Watcher {
    const waits = Promise.withResolvers<void>();
    const ended = this.#stream(id, () => waits.resolve());
    ended.catch((error: unknown) => waits.reject(error));
    return { waits: waits.promise, ended };
  }

  byPolls(id: string): Watcher {
    const waits = Promise.withResolvers<void>();
    const ended = this.#polls(id, () => waits.resolve());
    ended.catch((error: unknown) => waits.reject(error));
    return { waits: waits.promise, ended };
  }

  /** Throws unless each watcher saw its own operation complete and its stream ended for good. */
  async checkEnds(ids: readonly string[], told: readonly Told[]): Promise<void> {
    assert.deepEqual(
      told.map(({ operation }) => `${operation.id} ${operation.status}`),
      ids.map((id) => `${id} completed`),
    );
    for (const { operation, lastId } of told) {
      if (lastId === null) continue;
      const path = `/operations/${operation.id}/events`;
      const response = await this.#get(path, { 'last-event-id': lastId });
      response.destroy();
      assert.equal(response.statusCode, 204, path);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #stream(id: string, waits: () => void): Promise<Told> {
    const response = await this.#get(`/operations/${id}/events`, { accept: 'text/event-stream' });
    if (response.statusCode !== 200) throw new Error(`${response.statusCode} for events of ${id}`);
    const parser = new EventStreamParser();
    let answers = 0;
    let told: Told | null = null;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      for (const event of parser.push(chunk)) {
        answers += 1;
        waits();
        const operation = JSON.parse(event.data) as WireOperation;
        if (told !== null) throw new Error(`${event.event} after the end of ${id}`);
        if (isFinal(operation)) told = toldAtLast(operation, answers, event.id);
      }
    }
    if (told === null) throw new Error(`The stream of ${id} ended without a final event.`);
    return told;
  }

  async #polls(id: string, waits: () => void): Promise<Told> {
    let etag: string | undefined;
    for (let answers = 1; ; answers += 1) {
      const again = etag !== undefined;
      const headers = again ? { prefer: 'wait=60', 'if-none-match': etag ?? '' } : {};
      const response = await this.#get(`/operations/${id}`, headers, again ? waits : undefined);
      const text = await textOf(response);
      etag = response.headers.etag;
      if (response.statusCode === 304) continue;
      if (response.statusCode !== 200) throw new Error(`${response.statusCode} for ${id}: ${text}`);
      const operation = JSON.parse(text) as WireOperation;
      if (isFinal(operation)) return toldAtLast(operation, answers, null);
    }
  }

  #get(path: string, headers: object, sent?: () => void): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const asked = request(this.#base + path, { agent: this.#agent, headers: { ...headers } });
      if (sent !== undefined) asked.once('finish', sent);
      asked.once('response', resolve).once('error', reject).end();
    });
  }
}

function isFinal({ status }: WireOperation): boolean {
  return status === 'completed' || status === 'failed';
}

function toldAtLast(operation: WireOperation, answers: number, lastId: string | null): Told {
  const lagMs = Date.now() - Date.parse(operation.finished_at ?? '');
  return { operation, lagMs, answers, lastId };
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
