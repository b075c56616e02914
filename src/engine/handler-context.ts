import type { ProgressReport } from '../core/progress.ts';
import type { Attempt } from './attempt.ts';
import { cleanText } from './handler-error.ts';
import type { LineLevel } from '../core/log-line.ts';
import type { Logger } from './logger.ts';
import type { HandlerLog, TaskContext } from './task.ts';

export type ContextParts = {
  readonly logger: Logger;
  /** Receives a log line of the handler; must not throw. */
  readonly line: (attempt: Attempt, line: HandlerLine) => void;
  /** Receives a progress report; must not throw. */
  readonly report: (attempt: Attempt, report: ProgressReport, message?: string) => void;
};

export type HandlerLine = {
  readonly level: LineLevel;
  readonly message: string;
  readonly fields: object | null;
};

const logMessageCharsMax = 10_000;

/**
 * The argument of a handler. Everything but the input is made when first read: a handler that only
 * returns pays for one small object. Getters on the prototype work with `({ input, signal }) =>`.
 */
export class HandlerContext implements TaskContext {
  readonly input: unknown;
  readonly #attempt: Attempt;
  readonly #parts: ContextParts;

  constructor(input: unknown, attempt: Attempt, parts: ContextParts) {
    this.input = input;
    this.#attempt = attempt;
    this.#parts = parts;
  }

  get attempt(): number {
    return this.#attempt.operation.attempt;
  }

  get signal(): AbortSignal {
    return this.#attempt.signal;
  }

  get progress(): TaskContext['progress'] {
    return (report, message) => {
      this.#parts.report(this.#attempt, report, message);
    };
  }

  get log(): HandlerLog {
    return handlerLog(this.#parts.line, this.#attempt);
  }

  get operation(): TaskContext['operation'] {
    const { id, task, attemptsMax, createdAt, labels } = this.#attempt.operation;
    return { id, task, attemptsMax, createdAt, labels };
  }
}

/** The log of a handler. Never throws. */
function handlerLog(take: ContextParts['line'], attempt: Attempt): HandlerLog {
  const line = (level: LineLevel) => (message: string, fields?: object) => {
    try {
      const given = fields instanceof Error ? { err: fields } : (fields ?? null);
      take(attempt, { level, message: cleanText(message, logMessageCharsMax), fields: given });
    } catch {
      // A message that is not text must not fail the attempt; the line is lost.
    }
  };
  return { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') };
}

/**
 * Writes a line to the engine's log, with operation, task and attempt; a line that cannot be
 * written there is lost.
 */
export function writeLine(logger: Logger, attempt: Attempt, line: HandlerLine): void {
  try {
    const { level, message, fields } = line;
    const about = attemptFields(attempt);
    logger[level](fields === null ? about : { ...fields, ...about }, message);
  } catch {
    // Reading a field threw.
  }
}

export function attemptFields(attempt: Attempt): {
  operation: string;
  task: string;
  attempt: number;
} {
  const { id, task, attempt: number } = attempt.operation;
  return { operation: id, task, attempt: number };
}
