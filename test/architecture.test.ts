import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'node:test';

const root = path.join(import.meta.dirname, '..');

it('ARCHITECTURE.md names files and folders that exist', () => {
  const text = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8');
  const named = [...text.matchAll(/`([\w.*/-]+(?:\/|\.ts|\.md))`/g)].map(([, name = '']) => name);
  assert.ok(named.length > 20, `${named.length} names: does the pattern still fit?`);
  // What is built need not be there.
  const missing = named.filter(
    (name) =>
      !name.startsWith('dist/') && globSync([name, `src/${name}`], { cwd: root }).length === 0,
  );
  assert.deepEqual(missing, []);
});
