import { RaincheckError } from '../core/errors.ts';
import { isOperationId } from '../core/id.ts';
import { isFinal, type Operation, type Result } from '../core/operation.ts';
import { holdsIfRange, matchesEtag } from './conditional.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { problemReply, recordedProblemReply } from './problem.ts';
import { parseRange, type ByteRange } from './ranges.ts';
import { acceptedReply, shownOperation } from './wire.ts';

/**
 * `GET {task.path}/{id}`: 202 while there is no result, then the result itself or the recorded
 * problem. `task` null: an operation of any task (`/operations/{id}/result`).
 */
export async function readResult(
  context: HttpContext,
  request: ExchangeRequest,
  p: { readonly id: string; readonly task: string | null },
): Promise<ExchangeReply> {
  const operation = await readOperation(context, p.id);
  if (p.task !== null && operation.task !== p.task) throw operationNotFound();
  return isFinal(operation.state)
    ? finalResultReply(context, operation, request)
    : acceptedReply(context, shownOperation(context, operation));
}

/** Malformed ids are refused here and never reach the store. */
export function readOperation(context: HttpContext, id: string): Promise<Operation> {
  if (!isOperationId(id)) return Promise.reject(operationNotFound());
  return context.engine.read({ id, tenant });
}

/** Throws operation_not_found for a malformed id. */
export function requireId(id: string): void {
  if (!isOperationId(id)) throw operationNotFound();
}

export function operationNotFound(): RaincheckError {
  return new RaincheckError('operation_not_found', 'There is no operation with this id here.');
}

/**
 * `request` undefined: the result answers a submit, to which neither ranges nor conditions apply.
 */
export async function finalResultReply(
  context: HttpContext,
  operation: Operation,
  request?: ExchangeRequest,
): Promise<ExchangeReply> {
  const { result } = operation;
  if (result === null) return recordedProblemReply(context, operation);
  const headers = resultHeaders(result);
  if (request === undefined)
    return bytesReply(context, operation, { result, headers, range: null });
  if (matchesEtag(request.header('if-none-match'), result.etag)) {
    return { status: 304, headers, body: null };
  }
  const range =
    request.method === 'GET' && holdsIfRange(request.header('if-range'), result.etag)
      ? parseRange(request.header('range'), result.sizeBytes)
      : null;
  if (range === 'unsatisfiable') {
    const error = new RaincheckError(
      'range_not_satisfiable',
      `The result has ${result.sizeBytes} bytes; the range asked for lies outside.`,
    );
    return problemReply(context, error, { 'content-range': `bytes */${result.sizeBytes}` });
  }
  if (request.method === 'HEAD') {
    headers['content-length'] = String(result.sizeBytes);
    return { status: 200, headers, body: null };
  }
  return bytesReply(context, operation, { result, headers, range });
}

function resultHeaders(result: Result): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': isHeaderText(result.contentType)
      ? result.contentType
      : 'application/octet-stream',
    etag: result.etag,
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-cache',
  };
  if (result.name !== null) {
    // Sent as a download, never shown as a page of ours, because a handler's output may contain
    // input of a client.
    headers['content-disposition'] = contentDisposition(result.name);
    headers['x-content-type-options'] = 'nosniff';
    headers['content-security-policy'] = "default-src 'none'; sandbox";
  }
  return headers;
}

function isHeaderText(text: string): boolean {
  return /^[ -~]+$/.test(text);
}

// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const unsafeInName = /[\0-\x1f\x7f/\\]/g;

/**
 * The header of RFC 6266: `filename` in ASCII for all clients, and `filename*` (RFC 8187) when the
 * name has other characters. Characters that could end the header, the quotes or the directory
 * become '_'.
 */
export function contentDisposition(name: string): string {
  const safe = name.toWellFormed().replaceAll(unsafeInName, '_').slice(0, 255).toWellFormed();
  const ascii = safe
    .replaceAll(/[^ -~]/g, '_')
    .replaceAll('"', '_')
    .replaceAll('%', '_');
  if (ascii === safe) return `attachment; filename="${safe}"`;
  const encoded = encodeURIComponent(safe).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

async function bytesReply(
  context: HttpContext,
  operation: Operation,
  p: {
    readonly result: Result;
    readonly headers: Record<string, string>;
    readonly range: ByteRange | null;
  },
): Promise<ExchangeReply> {
  const { result, headers, range } = p;
  const { start, end } = range ?? { start: 0, end: result.sizeBytes };
  const status = range === null ? 200 : 206;
  if (range !== null) headers['content-range'] = `bytes ${start}-${end - 1}/${result.sizeBytes}`;
  if (result.inline !== null) {
    const body = range === null ? result.inline : Buffer.from(result.inline).subarray(start, end);
    return { status, headers, body };
  }
  headers['content-length'] = String(end - start);
  if (end === start) return { status, headers, body: null };
  const body = await openResult(context, operation.id, { start, end });
  return { status, headers, body };
}

/**
 * The bytes as a stream whose first chunk is read already. If the store cannot be read, or the
 * result was removed meanwhile, the answer is still a problem and not a 200 that breaks off.
 */
async function openResult(
  context: HttpContext,
  id: string,
  range: ByteRange,
): Promise<AsyncIterable<Uint8Array>> {
  const chunks = context.engine.readResult({ id, ...range })[Symbol.asyncIterator]();
  const first = await chunks.next();
  if (first.done === true) {
    throw new RaincheckError('operation_gone', 'The operation was removed.');
  }
  return restOfResult(first.value, chunks, range.end - range.start);
}

async function* restOfResult(
  first: Uint8Array,
  chunks: AsyncIterator<Uint8Array>,
  sizeBytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  let rest = sizeBytes;
  try {
    let chunk: Uint8Array | null = first;
    while (chunk !== null) {
      rest -= chunk.byteLength;
      yield chunk;
      const next: IteratorResult<Uint8Array> = await chunks.next();
      chunk = next.done === true ? null : next.value;
    }
  } finally {
    await chunks.return?.();
  }
  // Content-Length is sent already, so only a broken connection tells the client that this is not
  // all.
  if (rest !== 0) throw new Error('The result was removed while it was read.');
}
