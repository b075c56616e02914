import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { entries, layers } from '../../layers.ts';
import { layerViolation } from '../../scripts/layer-rule.ts';

const root = path.join(import.meta.dirname, '..', '..');

/** Lines that must be refused, by the file they are planted in; lines that must pass follow. */
const forbidden: Record<string, string> = {
  'core/node.ts': "import { readFileSync } from 'node:fs'; export const f = readFileSync;",
  'core/package.ts': "import { z } from 'zod'; export const s = z.string();",
  'core/upwards.ts': "export { x } from '../store/fine.ts';",
  'core/clock.ts': 'export const now = () => Date.now();',
  'core/timer.ts': 'export const later = (f: () => void) => setTimeout(f, 1);',
  'store/engine.ts': "import { x } from '../engine/fine.ts'; export const y = x;",
  'store-sqlite/http.ts': "import { request } from 'node:http'; export const r = request;",
  'engine/sqlite.ts': "import { x } from '../store-sqlite/fine.ts'; export const y = x;",
  'engine/itself.ts': "import { x } from 'raincheck'; export const y = x;",
  'http/late.ts': "export const load = () => import('../store-sqlite/fine.ts');",
  'http/views/deep.ts': "export { x } from '../../store-sqlite/fine.ts';",
  'http/everything.ts': "export * from '../server/fine.ts';",
  'client/node.ts': "import type { Server } from 'node:http'; export type S = Server;",
  'client/buffer.ts': "export const b = Buffer.from('');",
  'client/process.ts': 'export const e = process.env;',
  'client/react.ts': "import { useMemo } from 'react'; export const m = useMemo;",
  'client.ts': "export { x } from './engine/fine.ts';",
  'testing.ts': "export { x } from './server/fine.ts';",
  'entry.ts': "export { x } from './core/fine.ts';",
  'cli/engine.ts': "import { x } from '../engine/fine.ts'; export const y = x;",
  'server/cli.ts': "import { x } from '../cli/fine.ts'; export const y = x;",
  'unknown/layer.ts': "import { x } from '../core/fine.ts'; export const y = x;",
};
const allowed: Record<string, string> = {
  'core/fine.ts': 'export const x = 1;',
  'store/fine.ts': "import { x as one } from '../core/fine.ts'; export const x = one;",
  'engine/fine.ts': "import { hash } from 'node:crypto'; export const x = hash;",
  'react/fine.ts': "import { useMemo } from 'react'; export const x = useMemo;",
  'store-sqlite/fine.ts': "export { x } from '../store/fine.ts';",
  'server/fine.ts': "import { z } from 'zod'; export const x = z.string();",
  'cli/fine.ts': "export const x = () => import('../server/fine.ts');",
  'core/fine.fixture.ts':
    "import { x } from '../server/fine.ts'; export const y = [x, Date.now()];",
  'index.ts': "export { x } from './server/fine.ts';",
  'core/fine.test.ts': "import { x } from '../server/fine.ts'; export const y = [x, Date.now()];",
};

describe('the linter holds every import to layers.ts', () => {
  let folder = '';
  let found = new Map<string, string[]>();

  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'raincheck-layers-'));
    for (const file of ['layers.ts', 'oxlint.config.ts', 'package.json', 'scripts/layer-rule.ts']) {
      cpSync(path.join(root, file), path.join(folder, file));
    }
    symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
    for (const [file, text] of Object.entries({ ...forbidden, ...allowed })) {
      mkdirSync(path.dirname(path.join(folder, 'src', file)), { recursive: true });
      writeFileSync(path.join(folder, 'src', file), `${text}\n`);
    }
    found = lint(folder);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [file, text] of Object.entries(forbidden)) {
    it(`finds in src/${file}: ${text}`, () => {
      const rules = found.get(file) ?? [];
      assert.ok(
        rules.some((rule) => /raincheck\(layers\)|no-restricted-globals/.test(rule)),
        `found only: ${rules.join(', ') || 'nothing'}`,
      );
    });
  }

  it('says nothing of what is allowed', () => {
    assert.deepEqual(
      Object.keys(allowed).flatMap((file) => found.get(file) ?? []),
      [],
    );
  });

  it('knows every folder and every file of src/ and no other', () => {
    const found = readdirSync(path.join(root, 'src'), { withFileTypes: true });
    const namesOf = (areFolders: boolean) =>
      found.filter((entry) => entry.isDirectory() === areFolders).map(({ name }) => name);
    assert.deepEqual(namesOf(true).toSorted(), Object.keys(layers).toSorted());
    assert.deepEqual(namesOf(false).toSorted(), Object.keys(entries).toSorted());
  });

  it('says in its message what may be imported instead', () => {
    const file = path.join(root, 'src', 'http', 'x.ts');
    assert.equal(
      layerViolation(file, '../store-sqlite/sqlite-store.ts'),
      'src/http may not import store-sqlite/sqlite-store.ts; only: core, engine, webhooks (layers.ts).',
    );
  });
});

/** Codes of what oxlint finds, by file. */
function lint(folder: string): Map<string, string[]> {
  const run = spawnSync(path.join(root, 'node_modules/.bin/oxlint'), ['--format', 'json', 'src'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const { diagnostics } = JSON.parse(run.stdout) as {
    diagnostics: { code: string; filename: string }[];
  };
  const found = new Map<string, string[]>();
  for (const { code, filename } of diagnostics) {
    const file = path.relative(path.join(folder, 'src'), path.resolve(folder, filename));
    found.set(file, [...(found.get(file) ?? []), code]);
  }
  return found;
}
