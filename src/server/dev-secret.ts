import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { dataFolder, makeDataFolder } from './data-folder.ts';
import { limits } from '../core/limits.ts';
import type { Store } from '../store/store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import {
  checkSecret,
  makeSecret,
  randomBytesPerSecret,
  verificationKey,
} from '../webhooks/secrets.ts';

/** Path of the file, relative to the folder in which `dev` and `listen` are started. */
export const devSecretFile = path.join(dataFolder, 'webhook-secret');

/**
 * Keeps the secrets that sign for addresses named by requests in a file that only its owner can
 * read; `listen` verifies with them when it is given no others. Each start of `dev` writes the
 * file. A secret made later (`webhooks secret --rotate`) gets there at the next start, and until
 * then the earlier ones sign too. A store without a secret takes the one in the file, so that it
 * stays the same with --ephemeral.
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

/**
 * Writes a new file under another name and renames it, because an existing file would keep its old
 * permissions.
 */
function writeOwnOnly(file: string, text: string): void {
  makeDataFolder(path.dirname(file));
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  renameSync(draft, file);
}
