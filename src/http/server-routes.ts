import type { HttpContext } from './context.ts';
import { readLiveness, readReadiness } from './health.ts';
import { readMetrics } from './metrics.ts';
import { readProblemType } from './problem-types.ts';
import { route, type Route } from './route.ts';
import { StatsAnswers } from './stats.ts';
import { readWhoami } from './whoami.ts';
import { listWorkers } from './workers.ts';

/**
 * Routes about the server itself: for probes, for Prometheus, for operators, and the pages that
 * explain its errors.
 */
export function serverRoutes(context: HttpContext): Route[] {
  const stats = new StatsAnswers(context);
  return [
    route('/livez', { get: () => readLiveness(), open: true }),
    route('/readyz', { get: () => readReadiness(context), open: true }),
    route('/whoami', { scope: null, get: (request) => readWhoami(context, request) }),
    route('/stats', { get: (request) => stats.read(request) }),
    route('/metrics', {
      get: () => readMetrics(context),
      open: context.metrics?.isOpen ?? false,
    }),
    route('/workers', { get: () => listWorkers(context) }),
    route('/problems/:code', {
      scope: null,
      get: (_, params) => readProblemType(context, params['code'] ?? ''),
    }),
  ];
}
