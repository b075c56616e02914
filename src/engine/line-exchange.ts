import { setImmediate as nextTurn } from 'node:timers/promises';
import { elapsedClock } from '../core/clock.ts';
import type { Estimator } from '../core/estimator/estimator.ts';
import {
  ForeseenLine,
  foreseenLineOf,
  type ForeseenLineState,
} from '../core/estimator/foreseen-line.ts';
import type { SeenLine } from '../core/estimator/line-building.ts';
import { estimatorSettings } from '../core/estimator/settings.ts';
import { stageKey } from '../core/estimator/stage-table.ts';
import { limits } from '../core/limits.ts';
import type { Note, StoredQueue } from '../store/store.ts';
import type { EngineSettings } from './engine-settings.ts';
import { Outage } from './outage.ts';

const prefix = 'line';
const names = { line: 'line', turn: 'line:turn' } as const;

/**
 * After the queue was played, it rests for this many times as long as that took (a twentieth of a
 * core at most) …
 */
const restFactor = 19;
/** … and for this many times as long as the store took. */
const storeRestFactor = 9;
/** A process that has the turn and writes nothing for so long loses it. */
const turnMsMin = 1_000;
const turnFactor = 3;

/** The content of the note: the forecast, and how long it took and holds. */
type Told = {
  readonly state: ForeseenLineState;
  readonly keepMs: number;
  readonly playedMs: number;
  readonly isCut: boolean;
};

/**
 * One process forecasts the queue of a store for all that share it: the one that is asked first
 * once the last forecast is old.
 *
 *   asked ─► read the note, at most every 250 ms ─► still good: adopt it
 *                                                └► old: take the turn (replaceNote: only one process gets it)
 *                                                    └► read the queue, play it, write the note
 *
 * All of this happens in the background; requests are answered from the note adopted last. While
 * nobody asks, nothing happens. A process that dies in its turn loses it after a second.
 */
export class LineExchange {
  readonly #p: EngineSettings;
  readonly #estimator: Estimator;
  readonly #elapsed: { now(): number };
  readonly #outage: Outage;
  #isBusy = false;
  #isStopped = false;
  #lookAt = -Infinity;
  #adopted: { readonly writtenAt: number; readonly told: Told } | null = null;

  constructor(settings: EngineSettings, estimator: Estimator) {
    this.#p = settings;
    this.#estimator = estimator;
    this.#elapsed = elapsedClock(settings.clock);
    this.#outage = new Outage(settings.logger, 'foresee the queue');
  }

  /** Called whenever an estimate was asked for. */
  consider(): void {
    if (this.#isBusy || this.#isStopped || this.#elapsed.now() < this.#lookAt) return;
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #look(): Promise<void> {
    this.#isBusy = true;
    try {
      const { line, turn } = await this.#read();
      if (this.#isDue(line, turn) && (await this.#take(turn))) {
        await this.#play();
        await this.#read();
      }
      this.#outage.ended();
    } catch (error) {
      this.#outage.failed(error);
    }
    this.#isBusy = false;
    this.#lookAt = this.#elapsed.now() + estimatorSettings.snapshotMsMin;
  }

  async #read(): Promise<{ readonly line: Note | undefined; readonly turn: Note | undefined }> {
    const { store, clock } = this.#p;
    const notes = await store.readNotes({ prefix, now: clock.now() });
    const line = notes.find(({ name }) => name === names.line);
    if (line !== undefined && line.writtenAt !== this.#adopted?.writtenAt) this.#adopt(line);
    return { line, turn: notes.find(({ name }) => name === names.turn) };
  }

  #adopt({ text, writtenAt, ageMs }: Note): void {
    const told = toldOf(text);
    if (told === null) return;
    this.#adopted = { writtenAt, told };
    this.#estimator.adoptLine({
      line: new ForeseenLine(told.state),
      takenAt: this.#p.clock.now() - ageMs - told.playedMs,
      takenAtStore: writtenAt - told.playedMs,
      keepMs: told.keepMs,
      isCut: told.isCut,
    });
  }

  #isDue(line: Note | undefined, turn: Note | undefined): boolean {
    if (this.#isStopped || this.#estimator.slots === 0) return false;
    const told = this.#adopted?.told;
    const isGood = line !== undefined && told !== undefined && line.ageMs < told.keepMs;
    if (isGood) return false;
    const isOver = turn === undefined || (line !== undefined && line.writtenAt > turn.writtenAt);
    return isOver || turn.ageMs >= Math.max(turnMsMin, turnFactor * (told?.playedMs ?? 0));
  }

  async #take(turn: Note | undefined): Promise<boolean> {
    const { store, clock } = this.#p;
    const over = turn?.writtenAt ?? null;
    const now = clock.now();
    return (await store.replaceNote({ name: names.turn, text: '', over, now })) === 'replaced';
  }

  async #play(): Promise<void> {
    const { store, clock, allTasks } = this.#p;
    const startedAt = this.#elapsed.now();
    const at = clock.now();
    const stored = await store.readQueue?.({ limit: limits.foreseenMax });
    if (stored === undefined) return;
    let from = this.#elapsed.now();
    const building = this.#estimator.beginLine(
      seenLine(stored, (task) => allTasks.has(task)),
      at,
    );
    let spentMs = this.#elapsed.now() - from;
    for (;;) {
      await nextTurn();
      if (this.#isStopped) return;
      from = this.#elapsed.now();
      const built = building.step();
      spentMs += this.#elapsed.now() - from;
      if (built === null) continue;
      const playedMs = this.#elapsed.now() - startedAt;
      const keepMs = Math.round(
        Math.max(
          estimatorSettings.snapshotMsMin,
          estimatorSettings.snapshotHorizonShare * built.horizonMs,
          restFactor * spentMs,
          storeRestFactor * playedMs,
        ),
      );
      const isCut = stored.waiting.length >= limits.foreseenMax;
      const told: Told = { state: built.state, keepMs, playedMs: Math.round(playedMs), isCut };
      await store.writeNote({ name: names.line, text: JSON.stringify(told), now: clock.now() });
      return;
    }
  }
}

/** null: another version wrote it. */
function toldOf(text: string): Told | null {
  try {
    const told = JSON.parse(text) as Told;
    return { ...told, state: foreseenLineOf(told.state) };
  } catch {
    return null;
  }
}

/** Without operations of tasks that no process here runs. */
function seenLine({ waiting, running }: StoredQueue, isOurs: (task: string) => boolean): SeenLine {
  return {
    waiting: waiting.filter(({ task }) => isOurs(task)),
    running: running
      .filter(({ task }) => isOurs(task))
      .map((one) => {
        const stage = one.progress === null ? null : stageKey(one.progress);
        const enteredAt = one.progress?.updatedAt ?? 0;
        return { ...one, stage: stage === null ? null : { stage, enteredAt } };
      }),
  };
}
