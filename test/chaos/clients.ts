import { setTimeout as sleep } from 'node:timers/promises';
import type { WireOperation, WireTaskList } from 'raincheck';
import type { Ledger, Meant } from './ledger.ts';

const requestMsMax = 5_000;

/** Clients that submit, repeat and read, whatever happens to the server, until they are stopped. */
export class Clients {
  readonly #base: string;
  readonly #ledger: Ledger;
  readonly #random: () => number;
  /** Requests sent under an idempotency key before; repeated now and then. */
  readonly #keyed: Meant[] = [];
  #submitting = true;
  #observing = true;
  #markers = 0;
  #loops: Promise<void>[] = [];

  constructor(p: { base: string; ledger: Ledger; random: () => number }) {
    this.#base = p.base;
    this.#ledger = p.ledger;
    this.#random = p.random;
  }

  start(p: { readonly submitters: number; readonly observers: number }): void {
    this.#loops = [
      ...Array.from({ length: p.submitters }, () => this.#submitLoop()),
      ...Array.from({ length: p.observers }, () => this.#observeLoop()),
    ];
  }

  async stop(): Promise<void> {
    this.#submitting = false;
    this.#observing = false;
    await Promise.all(this.#loops);
  }

  /** The current status of an operation; null when the server did not answer. */
  async read(id: string): Promise<WireOperation | null> {
    const answer = await this.#request('GET', `/operations/${id}`, {});
    if (answer === null || answer.status === 503) return null;
    if (answer.status !== 200) {
      this.#ledger.lost.add(id);
      this.#ledger.violate(`The acknowledged ${id} answers ${answer.status}: ${answer.text}`);
      return null;
    }
    const operation = JSON.parse(answer.text) as WireOperation;
    this.#ledger.observed(operation);
    return operation;
  }

  /** The result at its own address as text; null when the server did not answer. */
  async readResult(path: string): Promise<string | null> {
    const answer = await this.#request('GET', path, {});
    return answer?.status === 200 ? answer.text : null;
  }

  /**
   * How many operations are not final, known to clients or not; null when the server did not
   * answer.
   */
  async unfinished(): Promise<number | null> {
    const answer = await this.#request('GET', '/tasks', {});
    if (answer?.status !== 200) return null;
    const { tasks } = JSON.parse(answer.text) as WireTaskList;
    return tasks.reduce((sum, { counts }) => sum + counts.pending + counts.processing, 0);
  }

  async #submitLoop(): Promise<void> {
    while (this.#submitting) {
      const dice = this.#random();
      const earlier = this.#keyed[Math.floor(this.#random() * this.#keyed.length)];
      if (dice < 0.1 && earlier !== undefined) await this.#submit(earlier);
      else if (dice < 0.2) await this.#submitTogether(this.#meant(true));
      else await this.#submit(this.#meant(dice < 0.45));
      await sleep(this.#random() * 10);
    }
  }

  /** The same request from three connections at once. */
  async #submitTogether(meant: Meant): Promise<void> {
    await Promise.all([this.#submit(meant), this.#submit(meant), this.#submit(meant)]);
  }

  /** With a key, sends until it is answered, as a careful client does; otherwise sends once. */
  async #submit(meant: Meant): Promise<void> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (meant.key !== null) headers['idempotency-key'] = meant.key;
    while (this.#submitting) {
      const path = `/${meant.task}`;
      const answer = await this.#request('POST', path, { headers, body: meant.body });
      if (answer?.status === 202 || answer?.status === 200) {
        const { id } = JSON.parse(answer.text) as WireOperation;
        this.#ledger.accepted(meant, id, answer.replayed);
        return;
      }
      if (answer !== null && answer.status !== 503) {
        this.#ledger.violate(`POST ${path} answered ${answer.status}: ${answer.text}`);
        return;
      }
      if (answer === null) this.#ledger.lostAnswers += 1;
      else this.#ledger.refusals += 1;
      await sleep(20 + this.#random() * 50);
      if (meant.key === null) return;
    }
  }

  async #observeLoop(): Promise<void> {
    while (this.#observing) {
      const ids = [...this.#ledger.acknowledged.keys()];
      // Mostly young operations, whose final state is fresh; the rest from all.
      const from = this.#random() < 0.7 ? Math.max(0, ids.length - 200) : 0;
      const id = ids[from + Math.floor(this.#random() * (ids.length - from))];
      if (id !== undefined) await this.read(id);
      await sleep(5 + this.#random() * 10);
    }
  }

  #meant(withKey: boolean): Meant {
    this.#markers += 1;
    const marker = `m${this.#markers}`;
    const dice = this.#random();
    const task = pick(dice, [
      ['quick', 0.4],
      ['flaky', 0.2],
      ['keyed', 0.2],
      ['countdown', 0.15],
      ['bulk', 0.05],
    ]);
    const failures = Math.floor(this.#random() * 4);
    const ms = 50 + Math.floor(this.#random() * 750);
    const key = `k${Math.floor(this.#random() * 5)}`;
    const body = JSON.stringify({ marker, ms, failures, key });
    const meant: Meant = { marker, task, body, failures, key: withKey ? `key-${marker}` : null };
    if (withKey) this.#keyed.push(meant);
    return meant;
  }

  /**
   * null: no answer, as when the server was killed. A live server that hangs is a broken promise.
   */
  async #request(
    method: string,
    path: string,
    p: { headers?: Record<string, string>; body?: string },
  ): Promise<{ status: number; text: string; replayed: boolean } | null> {
    try {
      const response = await fetch(this.#base + path, {
        method,
        signal: AbortSignal.timeout(requestMsMax),
        ...p,
      });
      const text = await response.text();
      const replayed = response.headers.get('idempotent-replayed') === 'true';
      return { status: response.status, text, replayed };
    } catch (error) {
      if (error instanceof Error && error.name === 'TimeoutError') {
        this.#ledger.violate(`${method} ${path} hung for ${requestMsMax} ms.`);
      }
      return null;
    }
  }
}

function pick(dice: number, shares: readonly (readonly [string, number])[]): string {
  let sum = 0;
  for (const [name, share] of shares) {
    sum += share;
    if (dice < sum) return name;
  }
  return shares[0]?.[0] ?? '';
}
