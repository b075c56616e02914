import { verifyWebhook, WebhookVerificationError, type WireWebhookEvent } from 'raincheck/client';

/**
 * A receiver as a function from Request to Response, for Next.js route handlers, Hono, Deno, Bun
 * and workers. Nothing may read the request's body before it; code that must can read
 * request.clone().
 *
 *   export const POST = webhookReceiver({ inbox, secrets });
 */
export function webhookReceiver(p: {
  /** Stores an event before it is answered, each id once. inbox.ts does this with SQLite. */
  readonly inbox: { add(id: string, event: WireWebhookEvent): unknown };
  readonly secrets: readonly string[];
}): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      const body = await bytesOf(request, 1_048_576);
      if (body === null) return new Response(null, { status: 413 });
      const event = await verifyWebhook(body, request.headers, p.secrets);
      await p.inbox.add(request.headers.get('webhook-id') ?? '', event);
      return new Response(null, { status: 204 }); // the event is stored; the work comes afterwards
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      console.error(`${error.code}: ${error.message}`);
      return new Response(null, { status: error.status });
    }
  };
}

/**
 * The body as it came, or null when it is larger than `bytesMax`. request.arrayBuffer() has no
 * limit.
 */
async function bytesOf(request: Request, bytesMax: number): Promise<Uint8Array | null> {
  if (request.bodyUsed) throw new Error('Something read the body before: let it read a clone.');
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.byteLength;
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
