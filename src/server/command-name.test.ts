import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandName } from './command-name.ts';

describe('the command that hints name', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'raincheck-command-'));
    writeFileSync(path.join(folder, 'raincheck'), '');
    writeFileSync(path.join(folder, 'raincheck.cmd'), '');
    mkdirSync(path.join(folder, 'empty'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is raincheck where the shell finds it', () => {
    const PATH = `${folder}/empty:${folder}`;
    assert.equal(commandName({ PATH }, 'linux'), 'raincheck');
    assert.equal(commandName({ Path: `C:\\nothing;${folder}` }, 'win32'), 'raincheck');
  });

  it('is npx raincheck where it does not, as for node_modules/.bin/raincheck', () => {
    assert.equal(commandName({ PATH: `${folder}/empty` }, 'linux'), 'npx raincheck');
    assert.equal(commandName({ PATH: '' }, 'linux'), 'npx raincheck');
    assert.equal(commandName({}, 'win32'), 'npx raincheck');
  });

  it('is npx raincheck below npm, whose PATH is not that of the shell', () => {
    const env = { PATH: folder, npm_execpath: '/usr/lib/node_modules/npm/bin/npm-cli.js' };
    assert.equal(commandName(env, 'linux'), 'npx raincheck');
  });
});
