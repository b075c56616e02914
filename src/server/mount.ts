import type { NodeHandler } from '../http/node-adapter.ts';
import type { Logger } from '../engine/logger.ts';

/**
 * `handle`, which warns once when a framework mounted it elsewhere than at `basePath`: requests are answered there
 * all the same, but with addresses that lead nowhere. Express and Connect tell where in `req.baseUrl` and
 * `req.originalUrl`. A public prefix that a proxy cuts off stands in front of it, so the end has to agree.
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
