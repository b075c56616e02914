import type { RouteAction } from './context.ts';

/** One address with what may be done there. HEAD follows GET, OPTIONS is answered by the app. */
export type Route = {
  readonly pattern: string;
  readonly get?: RouteAction;
  readonly post?: RouteAction;
  readonly patch?: RouteAction;
  readonly delete?: RouteAction;
  /** The Allow header. */
  readonly allow: string;
  /** Answers without a token. */
  readonly open: boolean;
};

export function route(
  pattern: string,
  p: {
    readonly get?: RouteAction;
    readonly post?: RouteAction;
    readonly patch?: RouteAction;
    readonly delete?: RouteAction;
    readonly open?: boolean;
  },
): Route {
  const { open = false, ...actions } = p;
  const methods = [
    p.get && 'GET, HEAD',
    p.post && 'POST',
    p.patch && 'PATCH',
    p.delete && 'DELETE',
    'OPTIONS',
  ];
  return { pattern, open, allow: methods.filter(Boolean).join(', '), ...actions };
}
