import type { EndedAttempt } from '../core/operation.ts';
import { jsonOrNull } from '../store/json-columns.ts';
import { operationColumns, operationColumnCount } from '../store/operation-rows.ts';
import type { Row, Value } from './connection.ts';

/** The columns of an operation, and its seq, by which rows of other tables refer to it. */
export const operationRowColumns = `${operationColumns}, seq`;

/** The index of the first column that follows operationRowColumns in a SELECT. */
export const operationRowColumnCount = operationColumnCount + 1;

/** From a row of operationRowColumns. */
export function operationSeqOf(row: Row): number {
  return row[operationColumnCount] as number;
}

/** From a row that begins with the seq. */
export function seqOf(row: Row): number {
  return row[0] as number;
}

/** In the order of attemptColumns. */
export function attemptValues(attempt: EndedAttempt): Value[] {
  const { number, worker, startedAt, endedAt, outcome, retryAt } = attempt;
  return [number, worker, startedAt, endedAt, outcome, retryAt, jsonOrNull(attempt.error)];
}
