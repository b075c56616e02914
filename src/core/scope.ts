/** What a token may do, one word for each kind of request; docs/http.md tells which want which. */
export const scopes = ['submit', 'read', 'operate', 'admin'] as const;
/** One of `scopes`: `operate` implies `read`, `admin` implies all. */
export type Scope = (typeof scopes)[number];

/** Who may steer what runs has to see it, and an admin may do everything. */
const implied: Readonly<Record<Scope, readonly Scope[]>> = {
  submit: [],
  read: [],
  operate: ['read'],
  admin: scopes,
};

/** `given` with all that they imply, each once, in the order of `scopes`. */
export function impliedScopes(given: readonly Scope[]): readonly Scope[] {
  return scopes.filter((scope) =>
    given.some((one) => one === scope || implied[one].includes(scope)),
  );
}
