import type { Command } from 'commander';
import type { Shell } from './context.ts';
import { addDeliveryCommands } from './webhook-deliveries.ts';
import { addEndpointCommands } from './webhook-endpoints.ts';

export function addWebhooks(program: Command, shell: Shell): void {
  const webhooks = program
    .command('webhooks')
    .description('where the ends of operations are told: endpoints, deliveries, secrets');
  addEndpointCommands(webhooks, shell);
  addDeliveryCommands(webhooks, shell);
}
