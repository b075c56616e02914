import { isUtf8 } from 'node:buffer';
import { RaincheckError } from '../core/errors.ts';
import { jsonPointer } from '../core/json-pointer.ts';
import { limits } from '../core/limits.ts';
import type { ExchangeRequest } from './exchange.ts';

/** A JSON body: its bytes as they came, their text and its value. */
export type JsonBody = {
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly value: unknown;
};

/**
 * The JSON body of a request; null when there is none (zero bytes). It refuses more than JSON.parse
 * does, namely anything that a store, another JSON reader or a careless handler might trip over: a
 * BOM, invalid UTF-8, NUL, lone surrogates, numbers beyond the range of a double, `__proto__`
 * members, and nesting or member counts over the limits. Throws `unsupported_media_type`,
 * `payload_too_large`, `invalid_json`.
 */
export async function readJsonBody(
  request: ExchangeRequest,
  bodyBytesMax: number,
): Promise<JsonBody | null> {
  const encoding = request.header('content-encoding');
  if (encoding !== undefined && encoding.trim().toLowerCase() !== 'identity') {
    throw new RaincheckError(
      'unsupported_media_type',
      'Send the body uncompressed, without Content-Encoding.',
    );
  }
  const bytes = await request.body(bodyBytesMax);
  if (bytes.byteLength === 0) return null;
  requireJsonType(request.header('content-type'));
  return parseJsonBytes(bytes);
}

const jsonTypePattern = /^application\/(?:[\w.+-]+\+)?json *(?:; *charset *= *"?utf-?8"? *)?$/i;

function requireJsonType(contentType: string | undefined): void {
  if (contentType === 'application/json') return;
  if (contentType !== undefined && jsonTypePattern.test(contentType.trim())) return;
  throw new RaincheckError(
    'unsupported_media_type',
    'Send the body as UTF-8 JSON with the header `Content-Type: application/json`.',
  );
}

export function parseJsonBytes(bytes: Uint8Array): JsonBody {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) {
    throw invalid('The body starts with a byte order mark (BOM); send it without.');
  }
  if (!isUtf8(buffer)) throw invalid('The body is not valid UTF-8.');
  const text = buffer.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(parseFault(error), error);
  }
  // The bytes are valid UTF-8, so only an escape can produce NUL or a lone surrogate.
  const fault = findFault(value, 0, { escapes: text.includes('\\u'), members: 0 });
  if (fault !== null) {
    const pointer = jsonPointer(fault.path.toReversed());
    throw new RaincheckError('invalid_json', `The body ${fault.detail}.`, {
      errors: [{ pointer, detail: fault.detail }],
    });
  }
  return { bytes, text, value };
}

type Fault = { readonly detail: string; readonly path: string[] };
type Walk = { readonly escapes: boolean; members: number };

/**
 * Finds the first fault. The path is collected on the way back, so that a good body costs no
 * strings.
 */
function findFault(value: unknown, depth: number, walk: Walk): Fault | null {
  if (typeof value === 'string') return walk.escapes ? textFault(value) : null;
  if (typeof value === 'number') {
    return Number.isFinite(value) ? null : { detail: 'holds a number too large', path: [] };
  }
  if (typeof value !== 'object' || value === null) return null;
  if (depth >= limits.jsonDepth) {
    return { detail: `is nested more than ${limits.jsonDepth} levels deep`, path: [] };
  }
  return Array.isArray(value) ? arrayFault(value, depth, walk) : objectFault(value, depth, walk);
}

function arrayFault(array: readonly unknown[], depth: number, walk: Walk): Fault | null {
  walk.members += array.length;
  if (walk.members > limits.jsonMembers) return tooManyMembers();
  for (let i = 0; i < array.length; i += 1) {
    const fault = findFault(array[i], depth + 1, walk);
    if (fault !== null) {
      fault.path.push(String(i));
      return fault;
    }
  }
  return null;
}

function objectFault(object: object, depth: number, walk: Walk): Fault | null {
  for (const key in object) {
    walk.members += 1;
    if (walk.members > limits.jsonMembers) return tooManyMembers();
    if (key === '__proto__') return { detail: 'has a member named __proto__', path: [key] };
    if (walk.escapes) {
      const fault = textFault(key);
      if (fault !== null) return fault;
    }
    const fault = findFault((object as Record<string, unknown>)[key], depth + 1, walk);
    if (fault !== null) {
      fault.path.push(key);
      return fault;
    }
  }
  return null;
}

function tooManyMembers(): Fault {
  return { detail: `has more than ${limits.jsonMembers} members and elements`, path: [] };
}

function textFault(text: string): Fault | null {
  if (text.includes('\0')) return { detail: 'holds the character U+0000', path: [] };
  if (!text.isWellFormed()) return { detail: 'holds a lone surrogate', path: [] };
  return null;
}

/** V8 quotes the body in its message, so we keep only the position. */
function parseFault(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  const position = / at position (\d+)/.exec(message);
  if (position !== null) return `The body is not valid JSON: see character ${position[1]}.`;
  return message.startsWith('Unexpected end')
    ? 'The body is not valid JSON: it ends too early.'
    : 'The body is not valid JSON.';
}

function invalid(detail: string, cause?: unknown): RaincheckError {
  return new RaincheckError('invalid_json', detail, { cause });
}
