import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import { ServerProcess } from './server-process.ts';

const script = path.join(import.meta.dirname, 'seed-flow.py');
const hasPython = spawnSync('python3', ['-c', 'import requests']).status === 0;

it('serves a client written in Python with nothing but requests', async (t) => {
  if (!hasPython) return t.skip('no python3 with requests here');
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-python-'));
  try {
    await using server = new ServerProcess(['dev', '--ephemeral', '--port', '0'], { folder });
    const target = path.join(folder, 'report.pdf');
    const run = spawnSync('python3', [script, await server.url(), target], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
    assert.match(run.stdout, /^accepted: .*\n(?:pending\n|processing\n)*completed\nwritten: /);
    assert.equal(readFileSync(target).subarray(0, 5).toString(), '%PDF-');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
