import type { Clock } from '../core/clock.ts';
import { RaincheckError, type FieldError } from '../core/errors.ts';
import { operationId } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import { statusOf, type Operation } from '../core/operation.ts';
import type { CreateOutcome, NewOperation, Store } from '../store/store.ts';
import type { Offer } from './accept-claims.ts';
import type { Engine, Submission } from './engine.ts';
import { handlerFailure } from './handler-error.ts';
import { refuseStandIns, restoredFrom } from './redaction.ts';
import { IdMaker } from './id-maker.ts';
import { validateInput, type Validated } from './input-validation.ts';
import type { Task } from './task.ts';

type AcceptorParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly pendingMax: number;
  readonly task: (name: string) => Task;
  /**
   * Keeps a slot in which the operation would begin with the commit that accepts it; null: none.
   */
  readonly offer: (task: Task, readyAt: number) => Offer | null;
  /**
   * createOperations was called in this turn, without an offer: a claim called now shares its
   * commit.
   */
  readonly createCalled: (readyAt: number) => void;
  /** The operation is stored, as it was made. */
  readonly createCommitted: (operation: Operation) => void;
  /** How long a client should wait when the queue is full. */
  readonly retryAfterSeconds: (task: Task) => number;
};

type Accepted = { readonly operation: Operation; readonly replayed: boolean };

/** Turns submissions into stored operations. Everything is checked before anything is stored. */
export class Acceptor {
  readonly #p: AcceptorParts;
  readonly #ids = new IdMaker(operationId);

  constructor(p: AcceptorParts) {
    this.#p = p;
  }

  async submit(p: Submission): Promise<Accepted> {
    const task = this.#p.task(p.task);
    const now = this.#p.clock.now();
    checkRequest(p, now);
    refuseStandIns(task, p.input.value);
    const key = await this.#concurrencyKey(task, p.input.value);
    return this.#create(task, {
      ...this.#base(task, now),
      ...times(task, p, now),
      tenant: p.tenant,
      input: p.input.text,
      priority: p.priority ?? task.priority,
      concurrencyKey: key,
      labels: p.labels ?? {},
      traceparent: p.traceparent ?? null,
      webhook: p.webhook ?? null,
      idempotency: storedKey(p.idempotency, p.tenant, now),
    });
  }

  /**
   * The operation that a request with this key made before; null: there is none. Creates nothing
   * itself.
   */
  async findReplay(p: Parameters<Engine['findReplay']>[0]): Promise<Operation | null> {
    const task = this.#p.task(p.task);
    const { key, fingerprint } = p.idempotency;
    checkIdempotencyKey(key);
    const { store, clock } = this.#p;
    const used = await store.readIdempotencyKey({ scope: p.tenant, key, now: clock.now() });
    if (used === null) return null;
    if (used.fingerprint !== fingerprint) {
      return this.#acceptedOf(task, { outcome: 'key_reused' }).operation;
    }
    const { operationId } = used;
    const operation = await store.readOperation({ id: operationId });
    const outcome: CreateOutcome =
      operation === null
        ? { outcome: 'replayed_gone', operationId }
        : { outcome: 'replayed', operation };
    return this.#acceptedOf(task, outcome).operation;
  }

  /**
   * Makes a new operation linked to a failed one: same priority and labels, fresh times and
   * attempts.
   */
  async retry(
    failed: Operation,
    p: Pick<Submission, 'idempotency'> & { readonly input?: Submission['input'] | undefined },
  ): Promise<Accepted> {
    if (failed.state !== 'failed') {
      throw new RaincheckError(
        'operation_not_failed',
        `Only a failed operation can be retried; ${failed.id} is ${statusOf(failed.state)}.`,
      );
    }
    const task = this.#p.task(failed.task);
    if (p.idempotency !== undefined) checkIdempotencyKey(p.idempotency.key);
    const input = await this.#retryInput(task, failed.id, p.input);
    const key = await this.#concurrencyKey(task, input.value);
    const now = this.#p.clock.now();
    return this.#create(task, {
      ...this.#base(task, now),
      ...times(task, {}, now),
      tenant: failed.tenant,
      input: input.text,
      priority: failed.priority,
      concurrencyKey: key,
      labels: failed.labels,
      retryOf: failed.id,
      traceparent: failed.traceparent,
      webhook: failed.webhook,
      idempotency: storedKey(p.idempotency, failed.tenant, now),
    });
  }

  async #retryInput(
    task: Task,
    id: string,
    sent: Submission['input'] | undefined,
  ): Promise<Submission['input']> {
    if (sent === undefined) return this.#storedInput(id);
    return task.inputMask === null ? sent : restoredFrom(task, sent, await this.#storedInput(id));
  }

  async #storedInput(id: string): Promise<Submission['input']> {
    const text = await this.#p.store.readInput({ id });
    if (text === null) throw new RaincheckError('operation_gone', `Operation ${id} was removed.`);
    return { value: JSON.parse(text), text };
  }

  #base(task: Task, now: number) {
    return {
      id: this.#ids.next(now),
      task: task.name,
      attemptsMax: task.attemptsMax,
      retentionMs: task.retentionMs,
      taskPendingMax: task.pendingMax,
      retryOf: null,
    };
  }

  /** The input's concurrency key, null when the task has none. Throws validation_failed for a bad input. */
  async #concurrencyKey(task: Task, value: unknown): Promise<string | null> {
    const outcome = validateInput(task.schema, value);
    const validated: Validated = outcome instanceof Promise ? await outcome : outcome;
    if (!validated.ok) throw validationFailed(task, validated.errors);
    return task.concurrencyKey === null ? null : keyOf(task, task.concurrencyKey, validated.value);
  }

  async #create(task: Task, operation: NewOperation): Promise<Accepted> {
    const offer = this.#p.offer(task, operation.readyAt);
    const creating = this.#p.store.createOperations({
      operations: [operation],
      pendingMax: this.#p.pendingMax,
      claim: offer?.claim,
      now: this.#p.clock.now(),
    });
    if (offer === null) this.#p.createCalled(operation.readyAt);
    const [outcome] = await creating.catch((error: unknown) => {
      offer?.end(operation, { error });
      throw error;
    });
    if (outcome === undefined) throw new RaincheckError('internal', 'The store gave no outcome.');
    offer?.end(operation, { outcome });
    return this.#acceptedOf(task, outcome);
  }

  #acceptedOf(task: Task, outcome: CreateOutcome): Accepted {
    switch (outcome.outcome) {
      case 'created':
        this.#p.createCommitted(outcome.operation);
        return { operation: outcome.operation, replayed: false };
      case 'replayed':
        return { operation: outcome.operation, replayed: true };
      case 'replayed_gone':
        throw new RaincheckError(
          'operation_gone',
          `This Idempotency-Key made operation ${outcome.operationId}, which was removed since.`,
        );
      case 'key_reused':
        throw new RaincheckError(
          'idempotency_key_reused',
          'This Idempotency-Key was used with another request; use a new key for a new request.',
        );
      case 'queue_full':
        throw new RaincheckError(
          'queue_full',
          `The queue is full: ${outcome.pending} of at most ${outcome.pendingMax} operations wait.`,
          { retryAfterSeconds: this.#p.retryAfterSeconds(task) },
        );
    }
  }
}

function storedKey(
  given: Submission['idempotency'],
  scope: string,
  now: number,
): NewOperation['idempotency'] {
  return given === undefined ? null : { ...given, scope, expiresAt: now + limits.idempotencyMs };
}

function validationFailed(task: Task, errors: readonly FieldError[]): RaincheckError {
  const first = errors[0];
  const where = first === undefined ? '' : ` ${first.pointer || 'The body'}: ${first.detail}`;
  return new RaincheckError(
    'validation_failed',
    `The input does not fit task ${task.name}.${where}`,
    { errors },
  );
}

/**
 * Throws `validation_failed` (422) when the key function throws, or returns something else than a
 * short text: it is a pure function of the input, so it would do the same on the next try.
 */
function keyOf(task: Task, keyFunction: (input: unknown) => string, input: unknown): string {
  const refused = (detail: string): RaincheckError =>
    validationFailed(task, [{ pointer: '', detail }]);
  let key: unknown;
  try {
    key = keyFunction(input);
  } catch (error) {
    const { detail } = handlerFailure(error).error;
    throw refused(`The concurrency key of this input cannot be told: ${detail}`);
  }
  const charsMax = limits.concurrencyKeyChars;
  if (typeof key === 'string' && key.length <= charsMax && isStorable(key)) return key;
  const got = typeof key === 'string' ? `one of ${key.length} characters` : typeof key;
  throw refused(`The concurrency key of this input is not a text of at most ${charsMax}: ${got}.`);
}

/** Databases refuse NUL and lone surrogates. */
function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0');
}

function times(
  task: Task,
  p: Pick<Submission, 'notBefore' | 'deadlineAt'>,
  now: number,
): Pick<NewOperation, 'readyAt' | 'waitUntil' | 'deadlineAt'> {
  const readyAt = Math.max(now, p.notBefore ?? now);
  const own = task.deadlineMs === null ? Infinity : now + task.deadlineMs;
  const deadlineAt = Math.min(own, p.deadlineAt ?? Infinity);
  return {
    readyAt,
    waitUntil: task.queueTimeoutMs === null ? null : readyAt + task.queueTimeoutMs,
    deadlineAt: deadlineAt === Infinity ? null : deadlineAt,
  };
}

function checkRequest(p: Submission, now: number): void {
  checkInstant('not_before', p.notBefore, { min: 0, max: now + limits.delayMsMax });
  // With an idempotency key this may repeat a request whose deadline has passed since; only the
  // store knows. If it does not, the operation fails with `deadline_exceeded` before it starts.
  checkInstant('deadline', p.deadlineAt, {
    min: p.idempotency === undefined ? Math.max(now, p.notBefore ?? 0) + 1 : 0,
    max: now + 2 * limits.delayMsMax,
  });
  const { priorityMin, priorityMax } = limits;
  if (p.priority !== undefined) {
    const fits = p.priority >= priorityMin && p.priority <= priorityMax;
    if (!Number.isInteger(p.priority) || !fits) {
      throw badRequest('priority', `must be a whole number from ${priorityMin} to ${priorityMax}`);
    }
  }
  if (p.idempotency !== undefined) checkIdempotencyKey(p.idempotency.key);
  if (p.labels !== undefined) checkLabels(p.labels);
}

function checkInstant(
  name: string,
  at: number | undefined,
  bounds: { readonly min: number; readonly max: number },
): void {
  if (at === undefined) return;
  if (!Number.isSafeInteger(at)) throw badRequest(name, 'must be an instant');
  if (at < bounds.min) throw badRequest(name, 'is over before the operation could start');
  if (at > bounds.max) throw badRequest(name, 'is too far ahead');
}

function checkIdempotencyKey(key: string): void {
  const charsMax = limits.idempotencyKeyChars;
  if (key === '' || key.length > charsMax || !isStorable(key)) {
    throw badRequest('Idempotency-Key', `must be a text of 1 to ${charsMax} characters`);
  }
}

function checkLabels(labels: Readonly<Record<string, string>>): void {
  const entries = Object.entries(labels);
  if (entries.length > limits.labels) {
    throw badRequest('label', `may be given at most ${limits.labels} times`);
  }
  for (const [key, value] of entries) {
    if (key === '' || key.length > limits.labelKeyChars || !isStorable(key)) {
      throw badRequest('label', `needs a name of 1 to ${limits.labelKeyChars} characters`);
    }
    if (typeof value !== 'string' || value.length > limits.labelValueChars || !isStorable(value)) {
      throw badRequest(
        `label.${key}`,
        `must be a text of at most ${limits.labelValueChars} characters`,
      );
    }
  }
}

function badRequest(name: string, problem: string): RaincheckError {
  return new RaincheckError('invalid_request', `\`${name}\` ${problem}.`);
}
