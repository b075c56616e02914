import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { limits } from '../core/limits.ts';
import type { Store } from '../store/store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import {
  checkSecret,
  makeSecret,
  randomBytesPerSecret,
  verificationKey,
} from '../webhooks/secrets.ts';

/** From the folder that `dev` and `listen` are started in. */
export const devSecretFile = path.join('.raincheck', 'webhook-secret');

/**
 * What signs for addresses that requests name, in a file that only its owner can read: `listen` verifies with it
 * when it is told no other. Written at each start of `dev`; a secret made meanwhile (`webhooks secret --rotate`)
 * gets there with the next, and until then those before it sign as well. A store without one takes the file's, so
 * that it stays the same with --ephemeral.
 */
export async function keepDevSecret(p: {
  readonly store: Pick<Store, 'readSecrets' | 'rotateSecret'>;
  readonly folder: string;
  /** ms since 1970. */
  readonly now: number;
}): Promise<void> {
  const { store, folder, now } = p;
  const owner = tenantOwner('');
  const there = await store.readSecrets({ owner, now });
  const live = there.length > 0 ? there : await store.rotateSecret({ ...firstSecret(p), owner });
  writeOwnOnly(
    path.join(folder, devSecretFile),
    live.map(({ value }) => `${verificationKey(value)}\n`).join(''),
  );
}

/** The secrets in the file, newest first; none when there is no such file. */
export function readDevSecrets(folder: string): readonly string[] {
  try {
    const text = readFileSync(path.join(folder, devSecretFile), 'utf8');
    return text.split(/\s+/).filter((word) => word !== '');
  } catch {
    return [];
  }
}

function firstSecret({ folder, now }: { readonly folder: string; readonly now: number }) {
  const kept = readDevSecrets(folder).find(isShared);
  const secret = kept ?? makeSecret('v1', randomBytes(randomBytesPerSecret));
  return { secret, graceMs: limits.secretGraceMsDefault, now };
}

function isShared(text: string): boolean {
  try {
    return checkSecret(text, { version: 'v1', pointer: '' }) === text;
  } catch {
    return false;
  }
}

/** Under another name first: a file that was there before would keep the rights that it had. */
function writeOwnOnly(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
