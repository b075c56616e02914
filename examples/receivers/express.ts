import express, { Router } from 'express';
import { verifyWebhook, WebhookVerificationError } from 'raincheck/client';
import { Inbox } from './inbox.ts';

/**
 * A receiver for Express 5. Mount it before any express.json(), which would read the bytes that the
 * signature covers.
 *
 *   app.use('/webhooks/raincheck', webhookReceiver({ inbox, secrets }));
 *   app.use(express.json());
 *
 * It is TypeScript that Node 24 runs as it is. Put inbox.ts beside it, then:
 * `RAINCHECK_WEBHOOK_SECRET=whsec_… npx node@24 express.ts`.
 */
export function webhookReceiver(p: {
  readonly inbox: Pick<Inbox, 'add'>;
  readonly secrets: readonly string[];
}): Router {
  const router = Router();
  router.post('/', express.raw({ type: () => true, limit: '1mb' }), async (req, res) => {
    try {
      const event = await verifyWebhook(req.body, req.headers, p.secrets);
      p.inbox.add(req.get('webhook-id') ?? '', event);
      res.status(204).end(); // the event is stored; the work comes afterwards
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      console.error(`${error.code}: ${error.message}`);
      res.status(error.status).end();
    }
  });
  return router;
}

if (import.meta.main) {
  const { RAINCHECK_WEBHOOK_SECRET = '', PORT = '9000' } = process.env;
  const inbox = new Inbox('inbox.db', async (event) => console.log(event.type, event.timestamp));
  const app = express();
  app.use('/', webhookReceiver({ inbox, secrets: RAINCHECK_WEBHOOK_SECRET.split(' ') }));
  const server = app.listen(Number(PORT), '127.0.0.1', () => {
    console.log('listening', JSON.stringify(server.address()));
  });
}
