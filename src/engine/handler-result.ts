import { hash } from 'node:crypto';
import { limits } from '../core/limits.ts';
import type { OperationError, Result } from '../core/operation.ts';
import { isFileResult, type FileResult } from './file.ts';
import { handlerFailure, plainError, type HandlerFailure } from './handler-error.ts';

/**
 * Turns whatever a handler returned into what the store keeps, or into a clean failure; never
 * throws.
 *
 * JSON.stringify alone is not enough. It throws on BigInt, cycles, deep nesting and a throwing
 * toJSON. It also loses data silently: Map and Set become {}, functions vanish, bytes become an
 * object of numbers, a forgotten await becomes {}. These are refused with an error that names the
 * problem. What JSON itself defines stays: undefined members vanish, NaN becomes null, Dates become
 * text, and undefined as the whole result becomes null.
 */
export type HandlerProduct =
  | { readonly ok: true; readonly result: Result; readonly body: Uint8Array | null }
  | ({ readonly ok: false } & HandlerFailure);

/** Sync for JSON; a promise only for a file whose content is a stream. */
export function productOf(
  value: unknown,
  bytesMax: number,
): HandlerProduct | Promise<HandlerProduct> {
  try {
    if (isFileResult(value)) return fileProduct(value, bytesMax);
    return jsonProduct(value, bytesMax);
  } catch (error) {
    // The value's own code threw: a trap of a Proxy, a getter, toJSON.
    return invalid(`The result cannot be turned into JSON: ${handlerFailure(error).error.detail}`);
  }
}

function jsonProduct(value: unknown, bytesMax: number): HandlerProduct {
  const walk = { membersLeft: bytesMax, problem: null };
  if (typeof value === 'object' && value !== null) checkValue(value, 0, walk);
  else checkLeaf(value, walk);
  if (walk.problem !== null) return invalid(walk.problem);
  if (walk.membersLeft <= 0) return tooLarge(bytesMax);
  const text = stringify(value);
  if (text === null || text.length > bytesMax) return tooLarge(bytesMax);
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > bytesMax) return tooLarge(bytesMax);
  const small = sizeBytes <= limits.resultInlineBytes;
  return {
    ok: true,
    result: {
      contentType: 'application/json',
      name: null,
      sizeBytes,
      etag: etagOf(text),
      inline: small ? text : null,
    },
    body: small ? null : Buffer.from(text),
  };
}

/** null: the text would be longer than a string can be. */
function stringify(value: unknown): string | null {
  try {
    return JSON.stringify(value) ?? 'null';
  } catch (error) {
    if (error instanceof RangeError && error.message === 'Invalid string length') return null;
    throw error;
  }
}

type Walk = { membersLeft: number; problem: string | null };

/** Records the first thing in `value` that JSON would refuse or lose. */
function checkValue(value: object, depth: number, walk: Walk): void {
  walk.problem = problemOf(value, depth);
  if (walk.problem !== null || typeof (value as { toJSON?: unknown }).toJSON === 'function') return;
  // Object.values would do for arrays as well, but this walks an array of a million without a copy.
  const members: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  walk.membersLeft -= members.length;
  for (const member of members) {
    if (walk.problem !== null || walk.membersLeft <= 0) return;
    if (typeof member === 'object' && member !== null) checkValue(member, depth + 1, walk);
    else checkLeaf(member, walk);
  }
}

function checkLeaf(value: unknown, walk: Walk): void {
  if (typeof value === 'bigint' || typeof value === 'function' || typeof value === 'symbol') {
    walk.problem = `The result contains a ${typeof value}, which JSON cannot hold.`;
  }
}

function problemOf(value: object, depth: number): string | null {
  if (depth > limits.resultDepth) {
    return `The result is nested deeper than ${limits.resultDepth} levels, or refers to itself.`;
  }
  if (Array.isArray(value)) return null;
  if (isFileResult(value)) return 'A file() must be the whole result, not a part of it.';
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return null;
  if (value instanceof Map || value instanceof Set) {
    const kind = value instanceof Map ? 'Map' : 'Set';
    return `The result contains a ${kind}, which JSON cannot hold; return an object or an array.`;
  }
  if (value instanceof Promise) return 'The result contains a Promise: is an await missing?';
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return 'The result contains bytes, which JSON cannot hold; return file(bytes, { type }).';
  }
  return null;
}

function fileProduct(file: FileResult, bytesMax: number): HandlerProduct | Promise<HandlerProduct> {
  const { content } = file;
  if (typeof content === 'string') {
    return content.length > bytesMax
      ? tooLarge(bytesMax)
      : filed(file, Buffer.from(content), bytesMax);
  }
  if (content instanceof Uint8Array) return filed(file, content, bytesMax);
  return streamProduct(file, content, bytesMax);
}

async function streamProduct(
  file: FileResult,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  bytesMax: number,
): Promise<HandlerProduct> {
  try {
    const chunks: Uint8Array[] = [];
    let sizeBytes = 0;
    for await (const chunk of content as AsyncIterable<unknown>) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      if (!(bytes instanceof Uint8Array)) {
        return invalid(`The content of file() yielded a value of type ${typeof chunk}, not bytes.`);
      }
      sizeBytes += bytes.byteLength;
      if (sizeBytes > bytesMax) return tooLarge(bytesMax);
      chunks.push(bytes);
    }
    return filed(file, Buffer.concat(chunks, sizeBytes), bytesMax);
  } catch (error) {
    // The stream failed, e.g. a file that cannot be read: treated as if the handler had thrown.
    return { ok: false, ...handlerFailure(error) };
  }
}

function filed(file: FileResult, bytes: Uint8Array, bytesMax: number): HandlerProduct {
  if (bytes.byteLength > bytesMax) return tooLarge(bytesMax);
  return {
    ok: true,
    result: {
      contentType: file.type,
      name: file.name,
      sizeBytes: bytes.byteLength,
      etag: etagOf(bytes),
      inline: null,
    },
    body: bytes,
  };
}

/**
 * The same bytes always have the same tag; 128 bits are enough to distinguish the results of one
 * address.
 */
function etagOf(content: string | Uint8Array): string {
  return `"r-${hash('sha256', content, 'base64url').slice(0, 22)}"`;
}

function invalid(detail: string): HandlerProduct {
  return failure(plainError('result_invalid', detail));
}

function tooLarge(bytesMax: number): HandlerProduct {
  return failure(
    plainError('result_too_large', `The result is larger than ${bytesMax} bytes (resultBytesMax).`),
  );
}

/** Not retryable: the same handler would return the same again. */
function failure(error: OperationError): HandlerProduct {
  return { ok: false, error, retryable: false };
}
