import { Option, type Command } from 'commander';
import { webhookEvents, type DeliveryEvent } from '../core/delivery.ts';
import { isEndpointId, isOperationId } from '../core/id.ts';
import { UsageError } from './exit-codes.ts';
import { instantOf } from './instant.ts';

/** The filters that lists of deliveries and bulk redrives share. */
export type DeliveryFlags = {
  readonly endpoint?: string;
  readonly operation?: string;
  readonly event?: DeliveryEvent;
  readonly error?: string;
  readonly since?: string;
  readonly until?: string;
};

export function withDeliveryFilters(command: Command): Command {
  return command
    .option('--endpoint <id>', 'only to this endpoint')
    .option('--operation <id>', 'only of this operation')
    .addOption(new Option('--event <event>', 'only of this event').choices(webhookEvents))
    .option('--error <class>', 'only whose latest attempt failed so: timeout, dns, http_500 …')
    .option('--since <time>', 'created since: 2h (ago), 2026-01-31 or 2026-01-31T09:00:00Z')
    .option('--until <time>', 'created before');
}

export function deliveryFilter(flags: DeliveryFlags, now: number) {
  const { endpoint, operation, event, error, since, until } = flags;
  // A word that is no id would find nothing, which would read as "all is well".
  if (endpoint !== undefined && !isEndpointId(endpoint)) {
    throw new UsageError(
      `--endpoint: '${endpoint}' is not an endpoint id (ep_ and 26 letters and digits).`,
    );
  }
  if (operation !== undefined && !isOperationId(operation)) {
    throw new UsageError(
      `--operation: '${operation}' is not an operation id (op_ and 26 letters and digits).`,
    );
  }
  return {
    endpoint,
    operation,
    event,
    error,
    since: since === undefined ? undefined : instantOf('--since', since, now),
    until: until === undefined ? undefined : instantOf('--until', until, now),
  };
}
