import type { RouteAction } from './context.ts';

/** One address with what may be done there. HEAD follows GET, OPTIONS is answered by the app. */
export type Route = {
  /** As find-my-way has it: `:name` is a parameter, `::` a colon. */
  readonly pattern: string;
  readonly get?: RouteAction;
  readonly post?: RouteAction;
  readonly patch?: RouteAction;
  readonly delete?: RouteAction;
  /** The Allow header. */
  readonly allow: string;
  /** Answers without a token. */
  readonly open: boolean;
  /** In the words of other makers' clients: told in docs/compatibility.md, not in our OpenAPI document. */
  readonly view: boolean;
  /** What a page of ours is made of: nothing that a program would ask for. */
  readonly asset: boolean;
};

export function route(
  pattern: string,
  p: {
    readonly get?: RouteAction;
    readonly post?: RouteAction;
    readonly patch?: RouteAction;
    readonly delete?: RouteAction;
    readonly open?: boolean;
    readonly view?: boolean;
    readonly asset?: boolean;
  },
): Route {
  const { open = false, view = false, asset = false, ...actions } = p;
  const methods = [
    p.get && 'GET, HEAD',
    p.post && 'POST',
    p.patch && 'PATCH',
    p.delete && 'DELETE',
    'OPTIONS',
  ];
  return { pattern, open, view, asset, allow: methods.filter(Boolean).join(', '), ...actions };
}
