import type { WireOperation } from 'raincheck';

/** A request as a client means it; sent once or more, under one idempotency key or none. */
export type Meant = {
  readonly marker: string;
  readonly task: string;
  readonly body: string;
  readonly key: string | null;
  /** How often `flaky` is to fail before it succeeds. */
  readonly failures: number;
};

/** What clients were told and saw, and every broken promise as a sentence. */
export class Ledger {
  readonly violations: string[] = [];
  /** By id: every operation whose 202 arrived. */
  readonly acknowledged = new Map<string, Meant>();
  readonly #idByKey = new Map<string, string>();
  readonly #finals = new Map<string, string>();
  /** Acknowledged, and then unknown to the server: they are not read again. */
  readonly lost = new Set<string>();
  replays = 0;
  lostAnswers = 0;
  refusals = 0;
  observations = 0;

  violate(sentence: string): void {
    if (this.violations.length < 100) this.violations.push(sentence);
  }

  accepted(meant: Meant, id: string, replayed: boolean): void {
    this.acknowledged.set(id, meant);
    if (replayed) this.replays += 1;
    if (meant.key === null) return;
    const known = this.#idByKey.get(meant.key);
    if (known === undefined) this.#idByKey.set(meant.key, id);
    else if (known !== id) this.violate(`Key ${meant.key} has two operations: ${known}, ${id}.`);
  }

  get keys(): number {
    return this.#idByKey.size;
  }

  get finals(): number {
    return this.#finals.size;
  }

  isFinal(id: string): boolean {
    return this.#finals.has(id);
  }

  /** Records a status that was read: once final it must not change, result included. */
  observed(operation: WireOperation): void {
    this.observations += 1;
    const { id, status, finished_at, error, result } = operation;
    const isFinal = status === 'completed' || status === 'failed';
    const known = this.#finals.get(id);
    if (!isFinal) {
      if (known !== undefined) this.violate(`${id} was final and is ${status} again.`);
      return;
    }
    const now = JSON.stringify({ status, finished_at, error, result });
    if (known === undefined) this.#finals.set(id, now);
    else if (known !== now) this.violate(`${id} changed after its end: ${known} to ${now}.`);
  }
}
