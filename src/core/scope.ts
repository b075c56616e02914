/**
 * What a token may do, one word for each kind of request; docs/http.md lists the scope of each
 * request.
 */
export const scopes = ['submit', 'read', 'operate', 'admin'] as const;
/** One of `scopes`: `operate` implies `read`, `admin` implies all. */
export type Scope = (typeof scopes)[number];

/** To steer operations one has to see them, and an admin may do everything. */
const implied: Readonly<Record<Scope, readonly Scope[]>> = {
  submit: [],
  read: [],
  operate: ['read'],
  admin: scopes,
};

/** `given` and all scopes that they imply, each once, in the order of `scopes`. */
export function impliedScopes(given: readonly Scope[]): readonly Scope[] {
  return scopes.filter((scope) =>
    given.some((one) => one === scope || implied[one].includes(scope)),
  );
}
