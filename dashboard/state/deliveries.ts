import { ProblemError } from 'raincheck/client';
import { client } from './server.ts';
import type { DeliveryHistory } from './timeline.ts';

/** The most deliveries shown; more could not be told apart in a drawing. */
const shownMax = 12;

/** The server said that it sends no webhooks, so it is not asked again. */
let sendsNone = false;

/**
 * The deliveries of an operation with their attempts, oldest first; empty where the server sends no
 * webhooks.
 */
export async function readHistories(
  operation: string,
  signal: AbortSignal,
): Promise<readonly DeliveryHistory[]> {
  if (sendsNone) return [];
  try {
    const { deliveries } = await client.webhooks.deliveries({ operation, limit: shownMax, signal });
    return await Promise.all(
      deliveries.toReversed().map(async (delivery) => ({
        delivery,
        attempts:
          delivery.attempts === 0 ? [] : await client.webhooks.attempts(delivery.id, { signal }),
      })),
    );
  } catch (error) {
    sendsNone = error instanceof ProblemError && error.code === 'not_found';
    if (sendsNone) return [];
    throw error;
  }
}
