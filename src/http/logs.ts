import { limits } from '../core/limits.ts';
import type { KeptLine } from '../engine/engine.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { isoJson } from './iso.ts';
import { invalid, single } from './query.ts';
import { requireId } from './results.ts';

/**
 * `GET /operations/{id}/logs?after=&limit=`: the lines that its handlers wrote, in order. They come
 * in one object or, with `Accept: application/x-ndjson`, as one line of JSON each. `Link:
 * rel="next"` is the address of later lines.
 */
export async function readLogs(
  context: HttpContext,
  request: ExchangeRequest,
  id: string,
): Promise<ExchangeReply> {
  const parameters = new URLSearchParams(request.query);
  const after = afterAsked(parameters, 'after');
  const limit = limitAsked(parameters);
  requireId(id);
  const lines = await context.engine.logs({ id, tenant, after, limit });
  const next = lastNumber(lines, after);
  const inLines = /\bapplication\/(?:x-)?ndjson\b/.test(request.header('accept') ?? '');
  return {
    status: 200,
    headers: {
      'content-type': inLines ? 'application/x-ndjson' : 'application/json',
      'cache-control': 'no-store',
      vary: 'Accept',
      link: `<${context.basePath}/operations/${id}/logs?after=${next}&limit=${limit}>; rel="next"`,
    },
    body: inLines ? lines.map((line) => `${lineJson(line)}\n`).join('') : logsJson(lines, after),
  };
}

/** The number of the last line that a reader has seen; 0 for none. Throws `invalid_request`. */
export function afterAsked(parameters: URLSearchParams, name: string): number {
  const text = single(parameters, name);
  if (text === null) return 0;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalid(
    `Expected \`${name}\` to be the number of a line: \`next_after\` of the answer before.`,
  );
}

function limitAsked(parameters: URLSearchParams): number {
  const text = single(parameters, 'limit');
  if (text === null) return limits.logPageLines;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= limits.logPageLines) return limit;
  throw invalid(`Expected \`limit\` to be a whole number from 1 to ${limits.logPageLines}.`);
}

/** The lines as JSON, for the answer and for the event `log`. */
export function logsJson(lines: readonly KeptLine[], after: number): string {
  return `{"lines":[${lines.map(lineJson).join(',')}],"next_after":${lastNumber(lines, after)}}`;
}

export function lastNumber(lines: readonly KeptLine[], after: number): number {
  return lines.at(-1)?.number ?? after;
}

function lineJson({ number, at, attempt, level, message, fields }: KeptLine): string {
  return (
    `{"number":${number},"at":${isoJson(at)},"attempt":${attempt},"level":"${level}",` +
    `"message":${JSON.stringify(message)},"fields":${fields ?? 'null'}}`
  );
}
