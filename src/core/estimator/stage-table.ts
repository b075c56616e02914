import { RingWindow } from './ring-window.ts';
import { windowOf, windowState, type WindowState } from './service-times.ts';
import { estimatorSettings as settings } from './settings.ts';

/**
 * Progress as a key, not a rate: for every stage of a task, the time that remained when finished
 * operations entered it. A handler that reports 70 % has not done 70 % of its time; but what
 * remained at 70 % the last times will remain again. On 2,383 operations with real steps, linear
 * extrapolation was 16 times worse than ignoring the progress, and the table was better than both.
 */
export class StageTable {
  readonly #tasks = new Map<string, Map<string, RingWindow>>();

  add(p: { readonly task: string; readonly stage: string; readonly remainingMs: number }): void {
    let stages = this.#tasks.get(p.task);
    if (stages === undefined) {
      if (this.#tasks.size >= settings.tasksMax) return;
      stages = new Map();
      this.#tasks.set(p.task, stages);
    }
    let window = stages.get(p.stage);
    if (window === undefined) {
      if (stages.size >= settings.stagesMax) return;
      window = new RingWindow(settings.stageWindow);
      stages.set(p.stage, window);
    }
    window.push(p.remainingMs);
  }

  /**
   * The times that remained at the stage's entry; null while too few operations went through it.
   */
  remaining(task: string, stage: string): RingWindow | null {
    const window = this.#tasks.get(task)?.get(stage);
    return window !== undefined && window.count >= settings.taskSamplesMin ? window : null;
  }

  exportStages(): Record<string, Record<string, WindowState>> {
    return Object.fromEntries(
      [...this.#tasks].map(([task, stages]) => [
        task,
        Object.fromEntries([...stages].map(([key, window]) => [key, windowState(window)])),
      ]),
    );
  }

  importStages(state: Readonly<Record<string, Readonly<Record<string, WindowState>>>>): void {
    this.#tasks.clear();
    for (const [task, stages] of Object.entries(state).slice(0, settings.tasksMax)) {
      const kept = Object.entries(stages).slice(0, settings.stagesMax);
      this.#tasks.set(
        task,
        new Map(kept.map(([key, window]) => [key, windowOf(settings.stageWindow, window)])),
      );
    }
  }
}

/**
 * The stage that a progress report stands for: its bucket of 5 %, else its message; null when it
 * has neither.
 */
export function stageKey(report: {
  readonly fraction: number | null;
  readonly message: string | null;
}): string | null {
  const { fraction, message } = report;
  if (fraction !== null && Number.isFinite(fraction)) {
    const share = Math.min(1, Math.max(0, fraction));
    return `${Math.floor(share * settings.stageFractions)}/${settings.stageFractions}`;
  }
  return message === null ? null : `:${message.slice(0, settings.stageKeyChars)}`;
}
