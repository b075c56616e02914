import { errorTable, type ErrorCode } from '../../core/errors.ts';

/** Names of google.rpc.Code, by number. */
export const grpcNames: Readonly<Record<number, string>> = {
  1: 'CANCELLED',
  2: 'UNKNOWN',
  3: 'INVALID_ARGUMENT',
  4: 'DEADLINE_EXCEEDED',
  5: 'NOT_FOUND',
  8: 'RESOURCE_EXHAUSTED',
  9: 'FAILED_PRECONDITION',
  13: 'INTERNAL',
  14: 'UNAVAILABLE',
  16: 'UNAUTHENTICATED',
};

const byErrorCode: Partial<Record<ErrorCode, number>> = {
  cancelled: 1,
  task_error: 2,
  timeout: 4,
  queue_timeout: 4,
  deadline_exceeded: 4,
  worker_lost: 14,
  idempotency_key_reused: 9,
};

const byStatus: Readonly<Record<number, number>> = {
  401: 16,
  404: 5,
  409: 9,
  410: 5,
  413: 8,
  503: 14,
};

/** The nearest gRPC code (AIP-193, google/rpc/code.proto). */
export function grpcCodeOf(code: ErrorCode): number {
  const { status } = errorTable[code];
  return byErrorCode[code] ?? byStatus[status] ?? (status >= 500 ? 13 : 3);
}
