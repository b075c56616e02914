import { RaincheckError, type FieldError } from '../core/errors.ts';
import { jsonPointer } from '../core/json-pointer.ts';
import { limits } from '../core/limits.ts';
import { suggestion } from '../core/suggest.ts';
import { instantMs } from './instant.ts';

export type Members = Readonly<Record<string, unknown>>;
type Path = readonly string[];

/** The refusal of `dry_run` in an operation: only the route that counts accepts it. */
export function storedDryRun(address: string): string {
  return `An operation acts, it does not count. Leave it out, or ask \`POST ${address}\` for a dry run.`;
}

/**
 * Reads parsed JSON member by member and collects all errors, so that a client learns everything at
 * once. A wrong member reads as if it were missing; the values are usable only when `misfits` is
 * empty. It holds at most limits.inputErrors: a body of a mebibyte has room for a hundred thousand.
 */
export class BodyReading {
  readonly misfits: { readonly path: Path; readonly message: string }[] = [];
  #blocked = false;

  fail(path: Path, message: string): null {
    if (!this.#isFull) this.misfits.push({ path, message });
    return null;
  }

  get #isFull(): boolean {
    return this.misfits.length >= limits.inputErrors;
  }

  /** Reads an object. Unknown members are refused, with a suggestion. */
  object(path: Path, value: unknown, known: readonly string[]): Members | null {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.fail(path, 'Expected an object.');
    }
    for (const name of Object.keys(value)) {
      if (known.includes(name)) continue;
      if (this.#isFull) break; // finding suggestions takes time
      const meant = suggestion(name, known);
      const hint = meant === null ? `Known: ${known.join(', ')}.` : `Did you mean \`${meant}\`?`;
      this.fail([...path, name], `There is no such member. ${hint}`);
    }
    return value as Members;
  }

  oneOf<T extends string>(path: Path, value: unknown, known: readonly T[]): T | null {
    const found = known.find((one) => one === value);
    return found ?? this.fail(path, `Expected one of ${known.join(', ')}.`);
  }

  text(path: Path, value: unknown): string | undefined {
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    this.fail(path, 'Expected a text.');
    return undefined;
  }

  instant(path: Path, value: unknown): number | undefined {
    if (value === undefined) return undefined;
    const ms = typeof value === 'string' ? instantMs(value) : null;
    if (ms !== null) return ms;
    this.fail(path, "Expected an instant like '2030-01-31T09:00:00Z'.");
    return undefined;
  }

  integer(
    path: Path,
    value: unknown,
    p: { readonly min?: number; readonly max: number; readonly fallback: number },
  ): number {
    const { min = 1, max } = p;
    if (value === undefined) return p.fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    this.fail(path, `Expected a whole number from ${min} to ${max}.`);
    return p.fallback;
  }

  boolean(path: Path, value: unknown): boolean {
    if (typeof value === 'boolean') return value;
    this.fail(path, 'Expected true or false.');
    return false;
  }

  /**
   * The result of `check`; undefined when it throws a refusal, whose errors are then added to the
   * others.
   */
  checked<T>(check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      this.#take(error);
      return undefined;
    }
  }

  /** Like checked(), for an asynchronous check. */
  async checkedSoon<T>(check: () => Promise<T>): Promise<T | undefined> {
    try {
      return await check();
    } catch (error) {
      this.#take(error);
      return undefined;
    }
  }

  /** Adds the errors of a refusal; rethrows any other error. */
  #take(error: unknown): void {
    if (!(error instanceof RaincheckError) || error.errors === undefined) throw error;
    this.#blocked ||= error.code === 'webhook_url_blocked';
    for (const { pointer, detail } of error.errors) this.fail(pathOf(pointer), detail);
  }

  get errors(): readonly FieldError[] {
    return this.misfits.map(({ path, message }) => ({
      pointer: jsonPointer(path),
      detail: message,
    }));
  }

  /**
   * Throws when anything was wrong: `webhook_url_blocked` when that was the only problem, else
   * `validation_failed`.
   */
  finish(): void {
    const { errors } = this;
    const [first] = errors;
    if (first === undefined) return;
    const code = this.#blocked && errors.length === 1 ? 'webhook_url_blocked' : 'validation_failed';
    throw new RaincheckError(code, `${first.pointer || 'The body'}: ${first.detail}`, { errors });
  }
}

function pathOf(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
}
