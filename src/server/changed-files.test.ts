import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ChangedFiles } from './changed-files.ts';

function watched(t: TestContext) {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-changed-'));
  const file = path.join(folder, 'tasks', 'a.ts');
  mkdirSync(path.dirname(file));
  writeFileSync(file, 'one');
  let tell: (changed: readonly string[]) => void = () => undefined;
  const files = new ChangedFiles((changed) => tell(changed));
  t.after(() => {
    files.close();
    rmSync(folder, { recursive: true, force: true });
  });
  // As if the file was read after it was written.
  files.add([file], Number.POSITIVE_INFINITY);
  const next = () => new Promise<readonly string[]>((resolve) => (tell = resolve));
  return { folder, file, next };
}

describe('ChangedFiles', () => {
  it('tells of a save while a file beside it is written all the time', async (t) => {
    const { file, next } = watched(t);
    const noise = setInterval(() => appendFileSync(`${file}.log`, 'x'), 10);
    t.after(() => clearInterval(noise));
    writeFileSync(file, 'two');
    assert.deepEqual(await next(), [file]);
  });

  it('tells of saves of one that is itself written all the time', async (t) => {
    const { file, next } = watched(t);
    const noise = setInterval(() => appendFileSync(file, 'x'), 10);
    t.after(() => clearInterval(noise));
    assert.deepEqual(await next(), [file]);
  });

  it('tells of one that comes and goes with its folder', async (t) => {
    const { folder, file, next } = watched(t);
    const gone = next();
    renameSync(path.dirname(file), path.join(folder, 'elsewhere'));
    assert.deepEqual(await gone, [file]);
    const back = next();
    mkdirSync(path.dirname(file));
    writeFileSync(file, 'two');
    assert.deepEqual(await back, [file]);
    const again = next();
    writeFileSync(file, 'three');
    assert.deepEqual(await again, [file]);
  });
});
