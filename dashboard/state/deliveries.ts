import { ProblemError } from 'raincheck/client';
import { client } from './server.ts';
import type { DeliveryHistory } from './timeline.ts';

/** More would not be told apart in a drawing. */
const shownMax = 12;

/** The webhook deliveries of an operation with their attempts, oldest first; none where the server sends no webhooks. */
export async function readHistories(
  operation: string,
  signal: AbortSignal,
): Promise<readonly DeliveryHistory[]> {
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
    if (error instanceof ProblemError && error.status === 404) return [];
    throw error;
  }
}
