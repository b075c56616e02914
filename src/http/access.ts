import { hash, timingSafeEqual } from 'node:crypto';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { refuseUnknownKeys } from '../core/options.ts';
import { impliedScopes, scopes, type Scope } from '../core/scope.ts';

/** A bearer token and its scopes. Give `sha256` where the token itself should not be stored. */
export type AccessToken = {
  /** Name shown by /whoami and in refusals: 1 to 64 letters, digits, `_`, `.`, `-`. */
  readonly name: string;
  /** 8 to 500 printable ASCII characters without spaces. */
  readonly token?: string;
  /**
   * The SHA-256 of the token in hex, given in place of `token`: `printf %s "$TOKEN" | sha256sum`.
   */
  readonly sha256?: string;
  /** `operate` implies `read`, `admin` implies all. */
  readonly scopes: readonly Scope[];
};

/** The rights of a request. */
export type Grant = {
  /** Name of the token. null: the token without a name, or no token is needed. */
  readonly name: string | null;
  /** All scopes, implied ones included. */
  readonly scopes: readonly Scope[];
};

/** Checks the tokens of requests. */
export type Access = {
  /** Whether requests need a token. */
  readonly secured: boolean;
  /**
   * The rights granted by an `Authorization` header. Throws `unauthorized` when it holds no token
   * of ours.
   */
  grant(authorization: string | undefined): Grant;
};

type Known = { readonly digest: Buffer; readonly grant: Grant };

/**
 * `token` grants every scope, each of `tokens` its own. Without any token, everybody may do
 * everything. Throws `invalid_option`, which never shows a token.
 */
export function createAccess(p: {
  readonly token?: string | undefined;
  readonly tokens?: readonly AccessToken[] | undefined;
}): Access {
  const known: Known[] = checkedTokens(p.tokens ?? []).map((token) => ({
    digest: digestOf(token),
    grant: { name: token.name, scopes: impliedScopes(token.scopes) },
  }));
  if (p.token !== undefined) {
    if (!isToken(p.token)) throw misfit('token', tokenInWords);
    known.push({ digest: digest(p.token), grant: { name: null, scopes } });
  }
  const hex = known.map((one) => one.digest.toString('hex'));
  if (new Set(hex).size !== hex.length) throw misfit('tokens', 'different tokens, all of them');
  const everything: Grant = { name: null, scopes };
  return {
    secured: known.length > 0,
    grant: (authorization) => (known.length === 0 ? everything : find(known, authorization)),
  };
}

function find(known: readonly Known[], authorization: string | undefined): Grant {
  const token = /^bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  if (token === undefined) {
    throw new RaincheckError(
      'unauthorized',
      'Send a token of this server as `Authorization: Bearer …`.',
    );
  }
  // Constant time: digests have equal length, and the loop goes on after a match.
  const given = digest(token);
  let found: Grant | null = null;
  for (const one of known) {
    if (timingSafeEqual(one.digest, given)) found = one.grant;
  }
  if (found !== null) return found;
  throw new RaincheckError('unauthorized', 'The token is none of this server.');
}

/**
 * Returns the tokens as they came, if they are valid. Throws `invalid_option`, which never shows a
 * token.
 */
export function checkedTokens(tokens: unknown): readonly AccessToken[] {
  if (!Array.isArray(tokens)) throw misfit('tokens', 'a list of { name, token, scopes }');
  if (tokens.length > limits.tokensMax) {
    throw misfit('tokens', `at most ${limits.tokensMax} of them`);
  }
  const names = new Set<string>();
  for (const [i, token] of tokens.entries()) {
    checkToken(token, `tokens[${i}]`);
    if (names.has(token.name))
      throw misfit('tokens', `of different names, not twice '${token.name}'`);
    names.add(token.name);
  }
  return tokens as readonly AccessToken[];
}

function checkToken(token: unknown, at: string): asserts token is AccessToken {
  if (typeof token !== 'object' || token === null) {
    throw misfit(at, 'an object like { name, token, scopes }');
  }
  refuseUnknownKeys(at, token, ['name', 'token', 'sha256', 'scopes']);
  const { name, token: plain, sha256, scopes: given } = token as Record<string, unknown>;
  if (typeof name !== 'string' || !/^[\w.-]{1,64}$/.test(name)) {
    throw misfit(`${at}.name`, '1 to 64 letters, digits, `_`, `.` or `-`');
  }
  if ((plain === undefined) === (sha256 === undefined)) {
    throw misfit(at, 'an object with either `token` or `sha256`');
  }
  if (plain !== undefined && !isToken(plain)) throw misfit(`${at}.token`, tokenInWords);
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[\da-f]{64}$/i.test(sha256))) {
    throw misfit(`${at}.sha256`, 'the SHA-256 of the token, 64 hex digits');
  }
  const fits =
    Array.isArray(given) && given.length > 0 && given.every((one) => scopes.includes(one));
  if (!fits) throw misfit(`${at}.scopes`, `a list of ${scopes.join(', ')}`);
}

/** The message leaves the value out, since it may be a secret. */
function misfit(name: string, what: string): RaincheckError {
  return new RaincheckError('invalid_option', `Expected \`${name}\` to be ${what}.`);
}

const tokenInWords = '8 to 500 printable ASCII characters without spaces';

function isToken(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]{8,500}$/.test(value);
}

function digestOf({ token, sha256 }: AccessToken): Buffer {
  return sha256 === undefined ? digest(token ?? '') : Buffer.from(sha256, 'hex');
}

function digest(token: string): Buffer {
  return hash('sha256', token, 'buffer');
}
