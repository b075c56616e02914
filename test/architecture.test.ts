import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';

const root = path.join(import.meta.dirname, '..');
const lineCharsMax = 120;

function read(name: string): string {
  return readFileSync(path.join(root, name), 'utf8');
}

/** The lines between ``` and ```, and those around them. */
function linesOf(text: string): { readonly inFence: boolean; readonly line: string }[] {
  let inFence = false;
  return text.split('\n').map((line) => {
    if (line.trimStart().startsWith('```')) inFence = !inFence;
    return { inFence, line };
  });
}

describe('ARCHITECTURE.md', () => {
  const text = read('ARCHITECTURE.md');

  it('names files and folders that exist', () => {
    const named = [...text.matchAll(/`([\w.*/-]+(?:\/|\.ts|\.md))`/g)].map(([, name = '']) => name);
    assert.ok(named.length > 20, `${named.length} names: does the pattern still fit?`);
    // Built files need not exist.
    const missing = named.filter(
      (name) =>
        !name.startsWith('dist/') && globSync([name, `src/${name}`], { cwd: root }).length === 0,
    );
    assert.deepEqual(missing, []);
  });

  it('has a picture whose lines meet', () => {
    const picture = linesOf(text).map(({ inFence, line }) => (inFence ? line.split('') : []));
    assert.ok(picture.flat().includes('│'), 'there is one');
    const loose: string[] = [];
    for (const [y, row] of picture.entries()) {
      for (const [x, char] of row.entries()) {
        const above = picture[y - 1]?.[x] ?? ' ';
        const below = picture[y + 1]?.[x] ?? ' ';
        const meets =
          (char !== '│' || ('│┌┐├┤┬┼'.includes(above) && '│└┘├┤┴┼▼'.includes(below))) &&
          (char !== '▼' || ('│┌┐┬┼'.includes(above) && '─┬'.includes(below)));
        if (!meets) loose.push(`line ${y + 1}, column ${x + 1}`);
      }
    }
    assert.deepEqual(loose, []);
  });
});

describe('The documents of the root', () => {
  for (const name of ['ARCHITECTURE.md', 'CONTRIBUTING.md', 'README.md', 'SECURITY.md']) {
    it(`${name} has lines that fit an editor, but for tables and code`, () => {
      const long = linesOf(read(name))
        .map(({ inFence, line }, i) => ({ inFence, line, at: `line ${i + 1}` }))
        .filter(({ inFence, line }) => !inFence && !line.startsWith('|'))
        .filter(({ line }) => line.length > lineCharsMax)
        .map(({ at, line }) => `${at}: ${line.length} characters`);
      assert.deepEqual(long, []);
    });

    it(`${name} links to files that exist`, () => {
      const targets = [...read(name).matchAll(/\]\((?!https?:)([^)#\s]+)/g)].map(
        ([, target = '']) => target,
      );
      const missing = targets.filter((target) => globSync(target, { cwd: root }).length === 0);
      assert.deepEqual(missing, []);
    });
  }
});
