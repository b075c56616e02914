import type { EndedAttempt } from '../core/operation.ts';
import { jsonOrNull } from '../store/json-columns.ts';
import { operationColumns, operationColumnCount } from '../store/operation-rows.ts';
import type { Row, Value } from './connection.ts';

/** A row of an operation with the number that its other rows know it by. */
export const operationRowColumns = `${operationColumns}, seq`;

/** Where the columns that follow operationRowColumns in a SELECT begin. */
export const operationRowColumnCount = operationColumnCount + 1;

/** Of a row of operationRowColumns. */
export function operationSeqOf(row: Row): number {
  return row[operationColumnCount] as number;
}

/** Of a row that begins with it. */
export function seqOf(row: Row): number {
  return row[0] as number;
}

/** In the order of attemptColumns. */
export function attemptValues(attempt: EndedAttempt): Value[] {
  const { number, worker, startedAt, endedAt, outcome, retryAt } = attempt;
  return [number, worker, startedAt, endedAt, outcome, retryAt, jsonOrNull(attempt.error)];
}
