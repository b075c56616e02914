import fastify, { type FastifyPluginAsync } from 'fastify';
import { verifyWebhook, WebhookVerificationError } from 'raincheck/client';
import { Inbox } from './inbox.ts';

/**
 * A receiver for Fastify 5, as a plugin. A plugin has content type parsers of its own, so here the
 * bytes stay as they came, while the rest of the app keeps its JSON parser. Do not wrap it in
 * fastify-plugin, which would undo that.
 *
 *   await app.register(webhookReceiver, { prefix: '/webhooks/raincheck', inbox, secrets });
 *
 * It is TypeScript that Node 24 runs as it is. Put inbox.ts beside it, then:
 * `RAINCHECK_WEBHOOK_SECRET=whsec_… npx node@24 fastify.ts`.
 */
export const webhookReceiver: FastifyPluginAsync<{
  readonly inbox: Pick<Inbox, 'add'>;
  readonly secrets: readonly string[];
}> = async (scope, { inbox, secrets }) => {
  scope.removeAllContentTypeParsers(); // removes also those that the app added
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
  scope.post('/', async (request, reply) => {
    try {
      const event = await verifyWebhook(request.body as Buffer, request.headers, secrets);
      inbox.add(String(request.headers['webhook-id']), event);
      return await reply.code(204).send(); // the event is stored; the work comes afterwards
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      console.error(`${error.code}: ${error.message}`);
      return reply.code(error.status).send();
    }
  });
};

if (import.meta.main) {
  const { RAINCHECK_WEBHOOK_SECRET = '', PORT = '9000' } = process.env;
  const inbox = new Inbox('inbox.db', async (event) => console.log(event.type, event.timestamp));
  const app = fastify();
  await app.register(webhookReceiver, { inbox, secrets: RAINCHECK_WEBHOOK_SECRET.split(' ') });
  await app.listen({ port: Number(PORT), host: '127.0.0.1' });
  console.log('listening', JSON.stringify(app.server.address()));
}
