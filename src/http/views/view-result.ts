import type { Operation, Result } from '../../core/operation.ts';
import type { HttpContext } from '../context.ts';
import { resultUrl } from '../wire.ts';

/** Results up to this size are included in the answers of the views, as their clients expect. */
const inlineBytesMax = 1_048_576;

/**
 * The result of a completed operation as JSON text, for views that include it in their monitor: the
 * JSON itself or, for a file and for JSON over 1 MiB, its address.
 */
export async function viewResult(
  context: HttpContext,
  p: { readonly operation: Operation; readonly origin: string | null },
): Promise<string> {
  const { operation } = p;
  const { result } = operation;
  if (result === null) return 'null';
  if (result.inline !== null) return result.inline;
  const isJson = /^application\/(?:[\w.+-]+\+)?json\b/.test(result.contentType);
  if (isJson && result.name === null && result.sizeBytes <= inlineBytesMax) {
    const text = await wholeText(context, operation.id, result);
    if (text !== null) return text;
  }
  return JSON.stringify({
    url: `${p.origin ?? ''}${resultUrl(context, operation)}`,
    content_type: result.contentType,
    name: result.name,
    size_bytes: result.sizeBytes,
  });
}

/** null: the result was removed meanwhile. */
async function wholeText(context: HttpContext, id: string, result: Result): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of context.engine.readResult({ id, start: 0, end: result.sizeBytes })) {
    chunks.push(chunk);
    size += chunk.byteLength;
  }
  return size === result.sizeBytes ? Buffer.concat(chunks, size).toString('utf8') : null;
}
