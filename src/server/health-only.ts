import { RaincheckError } from '../core/errors.ts';
import { isLoopback } from './listen.ts';
import type { Raincheck } from './raincheck.ts';
import type { Settings } from './setting-table.ts';

/**
 * The app of `--health-port`, for workers and for servers whose probes must not reach the API. It
 * answers /livez, /readyz and, under the rules of the API, /metrics; everything else is a 404.
 */
export function healthOnly(app: Raincheck['app'], settings: Settings): Raincheck['app'] {
  const tellsMetrics =
    settings.token !== undefined || settings.metricsOpen || isLoopback(settings.host);
  const answered = ['/livez', '/readyz', ...(tellsMetrics ? ['/metrics'] : [])];
  const missing = tellsMetrics
    ? 'Only /livez, /readyz and /metrics are answered here.'
    : 'Only /livez and /readyz are answered here; /metrics too, with a token (RAINCHECK_TOKEN) or RAINCHECK_METRICS_OPEN=true.';
  const problem = new RaincheckError('not_found', missing);
  return {
    ...app,
    handle: async (request) =>
      answered.includes(request.path) ? app.handle(request) : app.problem(problem),
  };
}
