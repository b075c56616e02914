import type { Scope } from '../core/scope.ts';
import type { Params, RouteAction } from './context.ts';

const methods = ['get', 'post', 'patch', 'delete'] as const;
type Method = (typeof methods)[number];

/** The scope that a request needs; null: any token will do. */
type Needed = Scope | null | ((params: Params) => Scope | null);

/**
 * The clients that a route is for; documents and tests select by it. Routes for `clients` are in
 * our OpenAPI document, those for `otherClients` (of Azure, Google, …) in docs/compatibility.md,
 * and those for `browsers` are pages with their files.
 */
export type Audience = 'clients' | 'otherClients' | 'browsers';

/** One path with an action for each method. HEAD uses the GET; the app answers OPTIONS. */
export type Route = { readonly [method in Method]?: RouteAction } & {
  /** Pattern as in path-table.ts: `:name` is a parameter, `::` a colon, `*` the rest. */
  readonly pattern: string;
  /** The scope that each method needs, also for methods that the route does not have. */
  readonly needs: { readonly [method in Method]: Needed };
  /** Value of the Allow header. */
  readonly allow: string;
  /** true: answers without a token; 'post': only POST does. */
  readonly open: boolean | 'post';
  readonly audience: Audience;
};

/**
 * By default GET needs `read`, and methods that change something need `operate`. Other routes say
 * so themselves.
 */
const needsDefault = { get: 'read', post: 'operate', patch: 'operate', delete: 'operate' } as const;

export function route(
  pattern: string,
  p: { readonly [method in Method]?: RouteAction } & {
    /** Scope of all its methods, or of those that differ from the default. */
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

/** Whether the request is answered without a token. */
export function isOpen(route: Route, method: string): boolean {
  return route.open === true || (route.open === 'post' && method === 'POST');
}

/** The scope that a request to the route needs; null: any token, or none on an open route. */
export function neededScope(route: Route, method: string, params: Params): Scope | null {
  const name = method === 'HEAD' ? 'get' : (method.toLowerCase() as Method);
  const needed = route.needs[name];
  return typeof needed === 'function' ? needed(params) : needed;
}
