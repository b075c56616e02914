import { styleText } from 'node:util';
import { formatDuration } from '../core/duration.ts';
import { banner } from './banner.ts';
import { portHolder, type Listening } from './listen.ts';
import type { FlushableLogger } from './logger.ts';
import type { Plan } from './server-plan.ts';
import { parseStoreAddress, storeLabel } from './open-store.ts';
import type { Raincheck } from './raincheck.ts';
import { version } from './version.ts';

/**
 * Announces that the server is up, as a log line or as the banner for people. `listening` null: it
 * is a worker without HTTP.
 */
export function announce(
  plan: Plan,
  p: { rc: Raincheck; logger: FlushableLogger; listening: Listening | null },
): void {
  const { mode, settings, configFile, folder, ephemeral } = plan;
  const { tasks } = p.rc;
  const names = tasks.map((task) => task.name);
  const store = storeLabel(settings.store);
  if (p.listening === null) {
    p.logger.info(
      { version, node: process.version, pid: process.pid, store, tasks: names },
      'working',
    );
    return;
  }
  const { port, busyPort } = p.listening;
  const { taking } = plan;
  const changed = taking?.changed ?? null;
  if (taking !== null && changed !== null) {
    announceReload({ ...taking, changed }, { plan, logger: p.logger, names });
    return;
  }
  const url = `http://${hostForUrl(settings.host)}:${port}${p.rc.app.basePath}`;
  const busy =
    busyPort === null
      ? null
      : `Port ${busyPort} is taken by ${portHolder(busyPort) ?? 'another process'}; using ${port}.`;
  if (settings.logFormat === 'json') {
    if (busy !== null) p.logger.warn({ port }, busy);
    p.logger.info(
      { version, node: process.version, pid: process.pid, url, store, tasks: names },
      'listening',
    );
    return;
  }
  if (busy !== null) process.stdout.write(`\n  ${styleText('yellow', busy)}\n`);
  const readyMs = plan.taking === null ? performance.now() : Date.now() - plan.taking.since;
  const webhooks = plan.config.webhooks !== false;
  const dashboard = plan.config.dashboard !== false;
  const plain = { mode, settings, tasks, url, configFile, folder, readyMs, ephemeral };
  const facts = { ...plain, webhooks, dashboard };
  process.stdout.write(banner(facts));
}

function announceReload(
  { changed, since }: { readonly changed: readonly string[]; readonly since: number },
  p: { plan: Plan; logger: FlushableLogger; names: readonly string[] },
): void {
  const { settings } = p.plan;
  const { kind } = parseStoreAddress(settings.store);
  const lost = kind === 'memory' ? '; the store in memory begins anew' : '';
  if (settings.logFormat === 'json') {
    p.logger.info({ changed, tasks: p.names }, `reloaded${lost}`);
    return;
  }
  const took = styleText('gray', `in ${formatDuration(Date.now() - since)}`);
  const tasks = `tasks: ${p.names.join(', ') || 'none'}`;
  process.stdout.write(
    `${styleText('green', 'Reloaded')} ${took}, ${changed.join(', ')} changed; ${tasks}${lost}\n`,
  );
}

/** The host to show in an address: browsers cannot open one that means "all interfaces". */
function hostForUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
