import type { Scope } from '../core/scope.ts';
import type { Params, RouteAction } from './context.ts';

const methods = ['get', 'post', 'patch', 'delete'] as const;
type Method = (typeof methods)[number];

/** The scope that a request wants; null: any token will do. */
type Needed = Scope | null | ((params: Params) => Scope | null);

/**
 * Whom a route is for; documents and tests select by it. Routes for `clients` are in our OpenAPI document, those for
 * `otherClients` (of Azure, Google, …) in docs/compatibility.md, and those for `browsers` are pages with their files.
 */
export type Audience = 'clients' | 'otherClients' | 'browsers';

/** One address with what may be done there. HEAD follows GET, OPTIONS is answered by the app. */
export type Route = { readonly [method in Method]?: RouteAction } & {
  /** As in path-table.ts: `:name` is a parameter, `::` a colon, `*` the rest. */
  readonly pattern: string;
  /** What each method wants, those that there are not as well. */
  readonly needs: { readonly [method in Method]: Needed };
  /** The Allow header. */
  readonly allow: string;
  /** Answers without a token; 'post': only to POST. */
  readonly open: boolean | 'post';
  readonly audience: Audience;
};

/** Looking is `read`, changing what is there is `operate`; what is neither says so. */
const needsDefault = { get: 'read', post: 'operate', patch: 'operate', delete: 'operate' } as const;

export function route(
  pattern: string,
  p: { readonly [method in Method]?: RouteAction } & {
    /** Of all its methods, or of those that differ from the default. */
    readonly scope?: Scope | null | { readonly [method in Method]?: Needed };
    readonly open?: boolean | 'post';
    readonly audience?: Audience;
  },
): Route {
  const { open = false, audience = 'clients', scope, ...actions } = p;
  const allowed = [
    p.get && 'GET, HEAD',
    p.post && 'POST',
    p.patch && 'PATCH',
    p.delete && 'DELETE',
    'OPTIONS',
  ];
  const needs =
    typeof scope === 'string' || scope === null
      ? { get: scope, post: scope, patch: scope, delete: scope }
      : { ...needsDefault, ...scope };
  return {
    pattern,
    needs,
    open,
    audience,
    allow: allowed.filter(Boolean).join(', '),
    ...actions,
  };
}

/** Whether it is answered without a token. */
export function isOpen(route: Route, method: string): boolean {
  return route.open === true || (route.open === 'post' && method === 'POST');
}

/** The scope that a request to an action of the route wants; null: any token, or none where it is open. */
export function neededScope(route: Route, method: string, params: Params): Scope | null {
  const name = method === 'HEAD' ? 'get' : (method.toLowerCase() as Method);
  const needed = route.needs[name];
  return typeof needed === 'function' ? needed(params) : needed;
}
