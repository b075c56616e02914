import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { commandName, commandNameIn } from './command-name.ts';

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
    assert.equal(commandNameIn({ PATH }, 'linux'), 'raincheck');
    assert.equal(commandNameIn({ Path: `C:\\nothing;${folder}` }, 'win32'), 'raincheck');
  });

  it('is npx raincheck where it does not, as for node_modules/.bin/raincheck', () => {
    assert.equal(commandNameIn({ PATH: `${folder}/empty` }, 'linux'), 'npx raincheck');
    assert.equal(commandNameIn({ PATH: '' }, 'linux'), 'npx raincheck');
    assert.equal(commandNameIn({}, 'win32'), 'npx raincheck');
  });

  it('is npx raincheck below npm, whose PATH is not that of the shell', () => {
    const env = { PATH: folder, npm_execpath: '/usr/lib/node_modules/npm/bin/npm-cli.js' };
    assert.equal(commandNameIn(env, 'linux'), 'npx raincheck');
  });

  it('is looked for once in a process, at the first call', () => {
    const { PATH, npm_execpath: npm } = process.env;
    const first = commandName();
    try {
      delete process.env['npm_execpath'];
      process.env['PATH'] = first === 'raincheck' ? '' : folder;
      assert.notEqual(commandNameIn(process.env, process.platform), first);
      assert.equal(commandName(), first);
    } finally {
      process.env['PATH'] = PATH;
      if (npm !== undefined) process.env['npm_execpath'] = npm;
    }
  });
});
