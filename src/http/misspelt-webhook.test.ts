import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { defineTask } from '../engine/define-task.ts';
import type { Task } from '../engine/task.ts';
import { refuseMisspeltWebhook } from './misspelt-webhook.ts';

const taking = (input: z.ZodType): Task => defineTask('taking', { input, run: () => null });
const named = taking(z.object({ name: z.string(), webhooked: z.string().optional() }));

describe('A misspelt webhook member', () => {
  const slips = {
    webhook_ulr: 'webhook_url',
    webhookUrl: 'webhook_url',
    'webhook-url': 'webhook_url',
    WEBHOOK_URL: 'webhook_url',
    web_hook_url: 'webhook_url',
    webhook_uri: 'webhook_url',
    wehbook_url: 'webhook_url',
    webhooks: 'webhook',
    web_hook: 'webhook',
    Webhook: 'webhook',
  };
  for (const [name, meant] of Object.entries(slips)) {
    it(`${name} is refused with what was meant`, () => {
      assert.throws(
        () => refuseMisspeltWebhook(named, { name: 'x', [name]: 'https://a.example' }),
        {
          code: 'validation_failed',
          errors: [
            { pointer: `/${name}`, detail: `No field of this task. Did you mean \`${meant}\`?` },
          ],
        },
      );
    });
  }

  it('is let through where the schema knows it, and what only resembles it everywhere', () => {
    refuseMisspeltWebhook(named, { webhooked: 'yes' });
    for (const name of ['webhook_id', 'webhookId', 'callback_url', 'hook', 'webhook_secret']) {
      refuseMisspeltWebhook(named, { [name]: 'x' });
    }
    for (const value of [null, 'webhooks', 5, ['webhooks'], {}])
      refuseMisspeltWebhook(named, value);
  });

  it('is let through where the handler may see it, or nobody can tell', () => {
    const input = { webhook_ulr: 'x' };
    for (const schema of [
      z.looseObject({ name: z.string() }),
      z.object({}).catchall(z.string()),
      z.record(z.string(), z.string()),
      z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]),
      z.any(),
      z.object({ at: z.date() }),
    ]) {
      refuseMisspeltWebhook(taking(schema), input);
    }
    refuseMisspeltWebhook(defineTask('bare', { run: () => null }), input);
    refuseMisspeltWebhook(undefined, input);
  });
});
