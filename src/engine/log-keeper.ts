import type { Clock } from '../core/clock.ts';
import { limits } from '../core/limits.ts';
import type { LineLevel } from '../core/log-line.ts';
import type { Store } from '../store/store.ts';
import { Alarm } from './alarm.ts';
import type { Attempt } from './attempt.ts';
import { LogBuffer } from './log-buffer.ts';
import { logLine } from './log-line.ts';
import type { Logger } from './logger.ts';
import { Outage } from './outage.ts';

type LogKeeperParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Lines of this operation were stored. */
  readonly logged: (id: string) => void;
};

/** A first line waits this long for others: a shorter attempt stores all its lines with its end. */
const gatherMs = 200;

/**
 * Stores what handlers log. Lines gather by attempt and are sent together, at most every
 * limits.logMs for an attempt; one call carries those of all attempts that are due. The last lines
 * go with the settle, in its commit. An attempt that logs nothing costs nothing.
 *
 * Lines are counted by attempt, and all that were not acknowledged are sent again: so neither a
 * lost answer nor a settle that overtakes a write duplicates or loses a line. Lines that the store
 * cannot take stay here meanwhile, within the bounds of LogBuffer.
 */
export class LogKeeper {
  readonly #p: LogKeeperParts;
  readonly #outage: Outage;
  readonly #alarm: Alarm;
  /** Running attempts that have lines to store. */
  readonly #open = new Set<Attempt>();

  constructor(p: LogKeeperParts) {
    this.#p = p;
    this.#outage = new Outage(p.logger, 'store what handlers log');
    this.#alarm = new Alarm(p.clock, () => this.#flush());
  }

  stop(): void {
    this.#alarm.clear();
  }

  /** Never throws. */
  keep(
    attempt: Attempt,
    line: { readonly level: LineLevel; readonly message: string; readonly fields: object | null },
  ): void {
    if (!attempt.live || attempt.cause === 'lost') return;
    if (line.level === 'debug' && !this.#keepsDebug) return;
    const now = this.#p.clock.now();
    const logs = (attempt.logs ??= new LogBuffer());
    logs.add(logLine({ at: now, attempt: attempt.operation.attempt, ...line }));
    if (this.#open.has(attempt)) return;
    this.#open.add(attempt);
    logs.dueAt = Math.max(logs.dueAt, now + gatherMs);
    this.#alarm.setEarlier(logs.dueAt);
  }

  /**
   * Sends the store all lines that it may not have yet, in this very turn and so before the settle
   * that follows.
   */
  sendLast(attempt: Attempt): void {
    const { logs } = attempt;
    if (logs === null) return;
    this.#open.delete(attempt);
    if (!logs.isOpen) return;
    // A failure is left to the settle, which is repeated, with this call before it.
    this.#send([{ attempt, logs }], 'all').catch(() => undefined);
  }

  /** The attempt ends without a record. */
  forget(attempt: Attempt): void {
    this.#open.delete(attempt);
    attempt.logs = null;
  }

  get #keepsDebug(): boolean {
    const { level } = this.#p.logger;
    return level === 'debug' || level === 'trace';
  }

  #flush(): void {
    const now = this.#p.clock.now();
    const due: Sending[] = [];
    for (const attempt of this.#open) {
      const { logs } = attempt;
      if (logs === null || logs.isSending) continue;
      if (logs.dueAt <= now) due.push({ attempt, logs });
      else this.#alarm.setEarlier(logs.dueAt);
    }
    if (due.length === 0) return;
    for (const { logs } of due) {
      logs.isSending = true;
      logs.dueAt = now + limits.logMs;
    }
    this.#send(due, 'news')
      .then(
        () => this.#outage.ended(),
        (error: unknown) => this.#outage.failed(error),
      )
      .finally(() => this.#sent(due));
  }

  #sent(sendings: readonly Sending[]): void {
    for (const { attempt, logs } of sendings) {
      logs.isSending = false;
      if (!this.#open.has(attempt)) continue;
      if (logs.isOpen) this.#alarm.setEarlier(logs.dueAt);
      else this.#open.delete(attempt);
    }
  }

  async #send(sendings: readonly Sending[], what: 'news' | 'all'): Promise<void> {
    const entries = sendings.map(({ attempt, logs }) => {
      const lines = what === 'all' || !logs.hasUnanswered ? logs.take() : logs.again();
      return { id: attempt.operation.id, token: attempt.token, ...lines };
    });
    const outcomes = await this.#p.store.appendLogs({ entries, now: this.#p.clock.now() });
    for (const [i, { attempt, logs }] of sendings.entries()) {
      const entry = entries[i];
      if (outcomes[i] === 'lost') this.forget(attempt);
      if (outcomes[i] !== 'applied' || entry === undefined) continue;
      logs.acknowledge(entry.from + entry.lines.length);
      this.#p.logged(attempt.operation.id);
    }
  }
}

type Sending = { readonly attempt: Attempt; readonly logs: LogBuffer };
