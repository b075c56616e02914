import { accept, type Raincheck } from 'raincheck';
import type { reports } from './tasks.ts';

type Reports = typeof reports;

/**
 * Route handlers for Next. In a Next app these members are exports of route files, and `rc` comes
 * from a module of its own. That module keeps `rc` on `globalThis`, because the dev server loads
 * modules more than once:
 *
 *   // app/ops/[[...path]]/route.ts
 *   export const { GET, HEAD, POST, PATCH, DELETE } = opsRoutes(rc);
 *   export const dynamic = 'force-dynamic';
 *
 *   // app/reports/route.ts
 *   export const POST = accept(rc, reports);
 *
 * Run it on a server that keeps running (`next start`). Where the process is frozen after each
 * answer, no attempt would make progress.
 */
export function opsRoutes(rc: Raincheck) {
  const route = rc.fetch;
  return { GET: route, HEAD: route, POST: route, PATCH: route, DELETE: route };
}

export function reportsRoutes(rc: Raincheck, task: Reports) {
  return { POST: accept(rc, task) };
}
