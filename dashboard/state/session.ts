import { computed, signal } from '@preact/signals';
import type { WireWhoami } from 'raincheck/client';

/** Who we are to the server. A token lives as long as the tab: it is never written where another tab could read it. */
export type Scope = WireWhoami['scopes'][number];

const storageKey = 'raincheck.token';

export const token = signal<string | null>(sessionStorage.getItem(storageKey));
/** null: not asked yet. */
export const whoami = signal<WireWhoami | null>(null);
/** The server said 401: it wants a token, or another one. */
export const signedOut = signal(false);

/** Whether an action is offered at all. The server decides in the end. */
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
