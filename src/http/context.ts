import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../engine/logger.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import type { Access } from './access.ts';
import type { DashboardFiles } from './pages/dashboard.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import type { MetricsSource } from './metrics.ts';

/** The shared context of all routes: made once by createApp, never changed. */
export type HttpContext = {
  readonly engine: Engine;
  /**
   * null: no webhooks are sent. Their routes answer 404, and a submit that asks for one is refused.
   */
  readonly webhooks: Webhooks | null;
  /** Public prefix of every path: '' or like '/ops'. */
  readonly basePath: string;
  /** Scheme and host that clients use; null: unknown. */
  readonly publicOrigin: string | null;
  readonly access: Access;
  /** Origins, beside our own, whose pages may submit and change operations without a token. */
  readonly allowedOrigins: readonly string[];
  readonly logger: Logger;
  /** null: there are no metrics, and their route answers 404. */
  readonly metrics: MetricsSource | null;
  /** Largest request body in bytes. */
  readonly bodyBytesMax: number;
  /** null: the dashboard is not served, and its routes answer 404. */
  readonly dashboard: (() => DashboardFiles) | null;
  /**
   * Whether this is `raincheck dev`, for one person on one machine: it has an inbox, and a browser
   * at `/` is sent to the dashboard.
   */
  readonly dev: boolean;
  /** Shown in the OpenAPI document. */
  readonly version: string;
};

/** The context of routes about webhooks, on a server that sends them. */
export type WebhookContext = HttpContext & { readonly webhooks: Webhooks };

/** The only tenant so far; everything belongs to it. */
export const tenant = '';

/** Parameters of the matched path, percent-decoded. */
export type Params = Readonly<Record<string, string | undefined>>;

/**
 * The function that answers requests to a route. (A *handler* is the user's function of a task.)
 */
export type RouteAction = (
  request: ExchangeRequest,
  params: Params,
) => ExchangeReply | Promise<ExchangeReply>;
