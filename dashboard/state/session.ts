import { computed, signal } from '@preact/signals';
import type { WireWhoami } from 'raincheck/client';

/**
 * Our session with the server. A token lives as long as the tab; it is never stored where another
 * tab could read it.
 */
export type Scope = WireWhoami['scopes'][number];

const storageKey = 'raincheck.token';

export const token = signal<string | null>(sessionStorage.getItem(storageKey));
/** null: not read yet. */
export const whoami = signal<WireWhoami | null>(null);
/** The server answered 401: it needs a token, or another one. */
export const signedOut = signal(false);

/** Whether an action is offered at all. The server has the final say. */
export function can(scope: Scope): boolean {
  return whoami.value?.scopes.includes(scope) === true;
}

export const mayOperate = computed(() => can('operate'));
export const mayAdmin = computed(() => can('admin'));

export function signIn(secret: string): void {
  sessionStorage.setItem(storageKey, secret);
  token.value = secret;
  signedOut.value = false;
}

export function signOut(): void {
  sessionStorage.removeItem(storageKey);
  token.value = null;
  whoami.value = null;
  signedOut.value = true;
}
