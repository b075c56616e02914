import type { IncomingMessage, ServerResponse } from 'node:http';
import { RaincheckError } from '../core/errors.ts';
import { expected } from '../core/options.ts';
import type { NodeHandler } from '../http/node-adapter.ts';
import type { Raincheck } from './raincheck.ts';

/** As much of a FastifyInstance as is needed: the types of fastify are no dependency of ours. */
type FastifyScope = {
  readonly prefix: string;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string,
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown;
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => void): unknown;
};

/** As much of a FastifyRequest. */
export type FastifyRequest = { readonly raw: IncomingMessage; readonly body: unknown };

/** As much of a FastifyReply. */
export type FastifyReply = {
  readonly raw: ServerResponse;
  hijack(): unknown;
  getHeaders(): Record<string, number | string | string[] | undefined>;
};

/**
 * Raincheck as a Fastify 5 plugin: `await app.register(fastifyRaincheck, { rc, prefix: '/ops' })`. Not wrapped in
 * fastify-plugin, so that what it does to parsers stays in its own scope: there the bodies are ours to read, with our
 * limits and our problems. Fastify's onRequest hooks run, the headers they set are kept (those of @fastify/cors, for
 * one); hooks on the payload do not, as the reply is ours. Throws `invalid_option` when `prefix` and the `basePath`
 * of `rc` differ.
 */
export async function fastifyRaincheck(
  scope: FastifyScope,
  options: { readonly rc: Raincheck },
): Promise<void> {
  const { rc } = options;
  if (typeof rc?.handle !== 'function') throw expected('rc', 'what raincheck() gave', rc);
  refuseOtherPrefix(scope.prefix, rc.app.basePath);
  scope.removeAllContentTypeParsers(); // also those that the app added
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const answer = (request: FastifyRequest, reply: FastifyReply): void =>
    answeredRaw(rc.handle, request, reply);
  scope.all('/', answer);
  scope.all('/*', answer);
}

/** Takes the reply from Fastify, with the headers that it has so far, and answers with a node:http handler. */
export function answeredRaw(
  handle: NodeHandler,
  { raw, body }: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  if (body !== undefined) Object.assign(raw, { body }); // where a parser of Fastify read it
  handle(raw, reply.raw);
}

/** A public prefix that a proxy cuts off stands in front of basePath. */
function refuseOtherPrefix(prefix: string, basePath: string): void {
  if (basePath.endsWith(prefix)) return;
  throw new RaincheckError(
    'invalid_option',
    `Registered with the prefix '${prefix}', but the \`basePath\` of raincheck() is '${basePath}': addresses in answers would lead nowhere. Give both the same.`,
  );
}
