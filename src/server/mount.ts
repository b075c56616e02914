import type { NodeHandler } from '../http/node-adapter.ts';
import type { Logger } from '../engine/logger.ts';

/**
 * Wraps `handle` to warn once when a framework mounted it elsewhere than at `basePath`: requests
 * are still answered, but with addresses that lead nowhere. Express and Connect report the mount
 * path in `req.baseUrl` and `req.originalUrl`. basePath may begin with a public prefix that a proxy
 * cuts off, so only its end has to match.
 */
export function watchedMount(
  handle: NodeHandler,
  p: { readonly basePath: string; readonly logger: Logger },
): NodeHandler {
  let warned = false;
  return (req, res) => {
    const { baseUrl } = req as { baseUrl?: unknown };
    if (!warned && typeof baseUrl === 'string' && !p.basePath.endsWith(baseUrl)) {
      warned = true;
      p.logger.warn(
        { mountedAt: baseUrl, basePath: p.basePath },
        `Mounted at ${baseUrl}, but the \`basePath\` of raincheck() is '${p.basePath}': the addresses in answers lead nowhere.`,
      );
    }
    handle(req, res);
  };
}
