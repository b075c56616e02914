import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it } from 'node:test';
import { openStore } from './open-store.ts';

const home = mkdtempSync(path.join(tmpdir(), 'raincheck-data-'));
after(() => rmSync(home, { recursive: true }));

async function opened(file: string): Promise<string> {
  await openStore(`sqlite:${file}`).close();
  return path.dirname(file);
}

it('a new .raincheck keeps what is in it out of git', async () => {
  const folder = await opened(path.join(home, 'a/.raincheck/dev.db'));
  assert.equal(readFileSync(path.join(folder, '.gitignore'), 'utf8'), '*\n');
});

it('a folder of another name, or one that was there, gets no .gitignore', async () => {
  assert.ok(!readdirSync(await opened(path.join(home, 'data/dev.db'))).includes('.gitignore'));
  mkdirSync(path.join(home, '.raincheck'));
  const folder = await opened(path.join(home, '.raincheck/dev.db'));
  assert.ok(!readdirSync(folder).includes('.gitignore'));
});
