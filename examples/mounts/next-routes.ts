import { accept, type Raincheck } from 'raincheck';
import type { reports } from './tasks.ts';

type Reports = typeof reports;

/**
 * Route handlers as Next has them. In a Next app the members are exports of route files, and `rc` comes from a module of
 * its own that keeps it on `globalThis`, as the dev server loads modules more than once:
 *
 *   // app/ops/[[...path]]/route.ts
 *   export const { GET, HEAD, POST, PATCH, DELETE } = opsRoutes(rc);
 *   export const dynamic = 'force-dynamic';
 *
 *   // app/reports/route.ts
 *   export const POST = accept(rc, reports);
 *
 * It wants a server that stays, `next start`: where a process is frozen after each answer nothing works on.
 */
export function opsRoutes(rc: Raincheck) {
  const route = rc.fetch;
  return { GET: route, HEAD: route, POST: route, PATCH: route, DELETE: route };
}

export function reportsRoutes(rc: Raincheck, task: Reports) {
  return { POST: accept(rc, task) };
}
