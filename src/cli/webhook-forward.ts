import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';

/** Headers of one connection, not of the message (RFC 9110 §7.6.1); host and length are set anew. */
const ofConnection = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export type ForwardedAnswer = {
  readonly status: number;
  /** Name, value, name, value …, as they came. */
  readonly headers: readonly string[];
  readonly body: Buffer;
};

/** Longer than a sender waits for its answer. */
const answerMsMax = 30_000;
/** More of an answer is not read; a sender keeps 4 KiB of it. */
const answerBytesMax = 1_048_576;

/**
 * Sends the request on with the same bytes and headers. Not with fetch, which adds headers of its own and unpacks
 * answers. Redirects are handed back, as a sender follows none. Rejects with the system's error, or a
 * TimeoutError.
 */
export async function forward(
  target: URL,
  p: { readonly rawHeaders: readonly string[]; readonly body: Buffer },
): Promise<ForwardedAnswer> {
  const kept = withoutConnection(p.rawHeaders);
  const headers = [...kept, 'Host', target.host, 'Content-Length', String(p.body.length)];
  const start = target.protocol === 'https:' ? requestHttps : requestHttp;
  const signal = AbortSignal.timeout(answerMsMax);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = start(target, { method: 'POST', headers, signal, agent: false });
    request.once('response', resolve);
    request.once('error', (error) => reject(signal.aborted ? signal.reason : error));
    request.end(p.body);
  });
  const body = await bytesOf(response, answerBytesMax);
  return {
    status: response.statusCode ?? 502,
    headers: withoutConnection(response.rawHeaders),
    body,
  };
}

function withoutConnection(rawHeaders: readonly string[]): string[] {
  return rawHeaders.filter((_, i) => {
    const name = rawHeaders[i - (i % 2)] ?? '';
    return !ofConnection.has(name.toLowerCase());
  });
}

/** Reads the first `bytesMax` and does not wait for more. */
async function bytesOf(message: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk.subarray(0, bytesMax - length));
    length += chunk.length;
    if (length >= bytesMax) break; // leaving the loop destroys the stream
  }
  return Buffer.concat(chunks);
}
