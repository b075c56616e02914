import { RaincheckError } from '../core/errors.ts';
import type { HttpContext } from './context.ts';
import type { ExchangeReply } from './exchange.ts';

/** The source of the metrics that Prometheus scrapes. */
export type MetricsSource = {
  readonly contentType: string;
  text(): Promise<string>;
  /** Whether they are shown without a token too. */
  readonly isOpen: boolean;
};

/** `GET /metrics` */
export async function readMetrics({ metrics }: HttpContext): Promise<ExchangeReply> {
  if (metrics === null) {
    throw new RaincheckError('not_found', 'This server keeps no metrics.');
  }
  return {
    status: 200,
    headers: { 'content-type': metrics.contentType, 'cache-control': 'no-store' },
    body: await metrics.text(),
  };
}
