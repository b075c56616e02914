import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { memoryStore } from '../store-memory/memory-store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import { devSecretFile, keepDevSecret, readDevSecrets } from './dev-secret.ts';

const owner = tenantOwner('');
const secretOf = (byte: number): string => `whsec_${Buffer.alloc(32, byte).toString('base64')}`;

describe('The secret that dev keeps for listen', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-secret-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is made with the store, readable by its owner alone, and stays for the next store', async () => {
    assert.deepEqual(readDevSecrets(folder), []);
    const store = memoryStore();
    await keepDevSecret({ store, folder, now: 1 });
    const [signs] = await store.readSecrets({ owner, now: 2 });
    assert.deepEqual(readDevSecrets(folder), [signs?.value]);
    const file = path.join(folder, devSecretFile);
    assert.equal(statSync(file).mode & 0o777, 0o600);

    chmodSync(file, 0o644);
    const next = memoryStore();
    await keepDevSecret({ store: next, folder, now: 3 });
    assert.deepEqual(
      (await next.readSecrets({ owner, now: 3 })).map(({ value }) => value),
      [signs?.value],
    );
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(path.dirname(file)), ['.gitignore', path.basename(file)]);
  });

  it('is what the store signs with, all of it, whatever the file said', async () => {
    const store = memoryStore();
    await store.rotateSecret({ owner, secret: secretOf(1), graceMs: 100, now: 1 });
    await store.rotateSecret({ owner, secret: secretOf(2), graceMs: 100, now: 2 });
    await keepDevSecret({ store, folder, now: 3 });
    assert.deepEqual(readDevSecrets(folder), [secretOf(2), secretOf(1)]);
    await keepDevSecret({ store, folder, now: 1_000 });
    assert.deepEqual(readDevSecrets(folder), [secretOf(2)]);
  });

  it('is a new one where the file holds none', async () => {
    writeFileSync(path.join(folder, devSecretFile), 'whpk_x hello\n');
    await keepDevSecret({ store: memoryStore(), folder, now: 1 });
    assert.match(readDevSecrets(folder).join(), /^whsec_[\w+/]{43}=$/);
  });
});
