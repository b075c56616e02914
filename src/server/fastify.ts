import type { IncomingMessage, ServerResponse } from 'node:http';
import { RaincheckError } from '../core/errors.ts';
import { expected } from '../core/options.ts';
import type { NodeHandler } from '../http/node-adapter.ts';
import type { Raincheck } from './raincheck.ts';

/** The part of a FastifyInstance that we need. Fastify's own types are not a dependency of ours. */
type FastifyScope = {
  readonly prefix: string;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    contentType: string,
    parser: (request: unknown, payload: unknown, done: (error: null) => void) => void,
  ): unknown;
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => void): unknown;
};

/** The part of a FastifyRequest that we need. */
export type FastifyRequest = { readonly raw: IncomingMessage; readonly body: unknown };

/** The part of a FastifyReply that we need. */
export type FastifyReply = {
  readonly raw: ServerResponse;
  hijack(): unknown;
  getHeaders(): Record<string, number | string | string[] | undefined>;
};

/**
 * Raincheck as a Fastify 5 plugin: `await app.register(fastifyRaincheck, { rc, prefix: '/ops' })`.
 * It is not wrapped in fastify-plugin, so its changes to parsers stay in its own scope, where
 * Raincheck reads the bodies with its own limits and problems. Fastify's onRequest hooks run, and
 * the headers that they set are kept (as @fastify/cors does). Hooks on the payload do not run,
 * because Raincheck writes the reply. Throws `invalid_option` when `prefix` and the `basePath` of
 * `rc` differ.
 */
export async function fastifyRaincheck(
  scope: FastifyScope,
  options: { readonly rc: Raincheck },
): Promise<void> {
  const { rc } = options;
  if (typeof rc?.handle !== 'function') throw expected('rc', 'what raincheck() gave', rc);
  refuseOtherPrefix(scope.prefix, rc.app.basePath);
  scope.removeAllContentTypeParsers(); // removes also those that the app added
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const answer = (request: FastifyRequest, reply: FastifyReply): void =>
    answeredRaw(rc.handle, request, reply);
  scope.all('/', answer);
  scope.all('/*', answer);
}

/**
 * Takes over the reply from Fastify, with the headers set so far, and answers it with a node:http
 * handler.
 */
export function answeredRaw(
  handle: NodeHandler,
  { raw, body }: FastifyRequest,
  reply: FastifyReply,
): void {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  if (body !== undefined) Object.assign(raw, { body }); // a parser of Fastify has read it
  handle(raw, reply.raw);
}

/** basePath may begin with a public prefix that a proxy cuts off, so only its end is compared. */
function refuseOtherPrefix(prefix: string, basePath: string): void {
  if (basePath.endsWith(prefix)) return;
  throw new RaincheckError(
    'invalid_option',
    `Registered with the prefix '${prefix}', but the \`basePath\` of raincheck() is '${basePath}': addresses in answers would lead nowhere. Give both the same.`,
  );
}
