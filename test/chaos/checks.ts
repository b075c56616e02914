import type { WireOperation } from 'raincheck';
import { limits } from '../../src/core/limits.ts';
import { isFinal, type Operation } from '../../src/core/operation.ts';
import { openSqliteStore } from '../../src/store-sqlite/sqlite-store.ts';
import type { OperationPage } from '../../src/store/store.ts';
import { readHandlerLog, type HandlerLog } from './handler-log.ts';
import type { Ledger, Meant } from './ledger.ts';
import { attemptsMax, bulkChars, keyLimit } from './raincheck.config.ts';
import type { Run } from './run.ts';

/**
 * With the server up and idle: reads every acknowledged operation once more, and what its handler
 * recorded.
 */
export async function checkAtTheEnd({ ledger, clients, log }: Run): Promise<void> {
  const handlerLog = readHandlerLog(log);
  for (const [id, meant] of ledger.acknowledged) {
    if (ledger.lost.has(id)) continue;
    const operation = await clients.read(id);
    if (operation === null) {
      ledger.violate(`The acknowledged ${id} cannot be read at the end.`);
      continue;
    }
    checkOutcome(ledger, meant, operation);
    if (meant.task === 'bulk' && operation.result_url !== null) {
      const text = await clients.readResult(operation.result_url);
      const wanted = JSON.stringify({ marker: meant.marker, text: 'x'.repeat(bulkChars) });
      if (text !== wanted) ledger.violate(`${id} has another result than its handler gave.`);
    }
  }
  if (handlerLog.keyPeak.count > keyLimit) {
    const { key, count } = handlerLog.keyPeak;
    ledger.violate(`${count} handlers of key ${key} ran at once; the limit is ${keyLimit}.`);
  }
  for (const [marker, ids] of handlerLog.idsByMarker) {
    if (ids.size > 1) ledger.violate(`Request ${marker} ran as ${ids.size} operations.`);
  }
}

/**
 * An operation ends as its input says, or with worker_lost when kills used up its recoveries
 * (checkStored).
 */
function checkOutcome(ledger: Ledger, meant: Meant, operation: WireOperation): void {
  const { id, status, error, result } = operation;
  if (status === 'failed' && error?.code === 'worker_lost') return;
  const fails = meant.task === 'flaky' && meant.failures >= attemptsMax;
  if (fails) {
    if (status === 'failed' && error?.code === 'task_error') return;
  } else if (status === 'completed') {
    const wanted = JSON.stringify({ marker: meant.marker });
    if (meant.task === 'bulk' || JSON.stringify(result) === wanted) return;
  }
  const got = JSON.stringify({ status, code: error?.code, result });
  ledger.violate(`${id} (${meant.task}, fails ${meant.failures} times) ended as ${got}.`);
}

/**
 * With the server stopped: checks the file itself. Only the file shows how many recoveries an
 * operation had, and the operations whose 202 was lost.
 */
export async function checkStore(p: {
  readonly db: string;
  readonly ledger: Ledger;
  readonly handlerLog: HandlerLog;
}): Promise<Record<string, number>> {
  const { ledger } = p;
  const store = await openSqliteStore({ path: p.db });
  const counts = { stored: 0, unacknowledged: 0, completed: 0, failed: 0, workerLost: 0 };
  let recoveries = 0;
  try {
    let beforeId: string | null = null;
    do {
      const page: OperationPage = await store.listOperations({ filter: {}, limit: 200, beforeId });
      for (const operation of page.operations) {
        counts.stored += 1;
        recoveries += operation.recoveries;
        if (!ledger.acknowledged.has(operation.id)) counts.unacknowledged += 1;
        if (operation.state === 'completed') counts.completed += 1;
        if (operation.state === 'failed') counts.failed += 1;
        if (operation.error?.code === 'worker_lost') counts.workerLost += 1;
        checkStored(ledger, operation, p.handlerLog.starts.get(operation.id) ?? 0);
      }
      beforeId = page.nextBeforeId;
    } while (beforeId !== null);
  } finally {
    await store.close();
  }
  return { ...counts, recoveries };
}

/**
 * Checks one operation as the file has it, long after the last kill. `starts`: how often its
 * handler started.
 */
export function checkStored(ledger: Ledger, operation: Operation, starts: number): void {
  const { id, attempt, recoveries, state, error } = operation;
  if (!isFinal(state)) ledger.violate(`${id} is still ${state} at the end.`);
  if (error?.code === 'worker_lost' && recoveries < limits.recoveriesMax) {
    ledger.violate(`${id} failed as worker_lost after ${recoveries} recoveries only.`);
  }
  if (attempt > attemptsMax) ledger.violate(`${id} was charged ${attempt} attempts.`);
  if (starts > attempt + recoveries) {
    ledger.violate(
      `The handler of ${id} was started ${starts} times: ${attempt} attempts, ${recoveries} recoveries.`,
    );
  }
  if (state === 'completed' && starts === 0) {
    ledger.violate(`${id} completed although its handler never ran.`);
  }
}
