import type { Engine } from '../engine/engine.ts';
import type { Logger } from '../engine/logger.ts';
import type { Webhooks } from '../webhooks/webhooks.ts';
import type { Access } from './access.ts';
import type { DashboardFiles } from './pages/dashboard.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import type { MetricsSource } from './metrics.ts';

/** What every route needs: made once by createApp, never changed. */
export type HttpContext = {
  readonly engine: Engine;
  /** null: none are sent, their addresses are 404, and a submit that asks for one is refused. */
  readonly webhooks: Webhooks | null;
  /** Public prefix of every address: '' or like '/ops'. */
  readonly basePath: string;
  /** Scheme and host clients use; null: unknown. */
  readonly publicOrigin: string | null;
  readonly access: Access;
  /** Origins, beside our own, whose pages may submit and steer without a token. */
  readonly allowedOrigins: readonly string[];
  readonly logger: Logger;
  /** null: none are kept, and their address is 404. */
  readonly metrics: MetricsSource | null;
  /** Largest request body in bytes. */
  readonly bodyBytesMax: number;
  /** null: the dashboard is not served, and its addresses are 404. */
  readonly dashboard: (() => DashboardFiles) | null;
  /** A server for one person on one machine: it has an inbox, and a browser at `/` goes to the dashboard. */
  readonly dev: boolean;
  /** Shown in the OpenAPI document. */
  readonly version: string;
};

/** What the routes of webhooks need: the context of a server that sends them. */
export type WebhookContext = HttpContext & { readonly webhooks: Webhooks };

/** Everything belongs to one tenant as long as there is only one. */
export const tenant = '';

/** Parameters of the matched path, percent-decoded. */
export type Params = Readonly<Record<string, string | undefined>>;

/** What a route does with a request; the *handler* is the user's function of a task. */
export type RouteAction = (
  request: ExchangeRequest,
  params: Params,
) => ExchangeReply | Promise<ExchangeReply>;
