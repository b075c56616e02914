import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';
import { configFileNames } from '../server/load-config.ts';
import { settingTable } from '../server/setting-table.ts';
import { exitCodes } from './exit-codes.ts';

const text = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8');

it('docs/cli.md lists the exit codes as they are', () => {
  const rows = Object.values(exitCodes).map(({ code, meaning }) => `| ${code} | ${meaning} |`);
  assert.ok(text.includes(`|---|---|\n${rows.join('\n')}\n`));
});

it('docs/cli.md lists the commands as --help does', async () => {
  const { stdout } = await runCli(['--help']);
  const commands = /\nCommands:\n([\s\S]*?)\n\n/.exec(stdout)?.[1] ?? '';
  const names = [...commands.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]);
  const table = text.slice(0, text.indexOf('\n## '));
  const documented = [...table.matchAll(/^\| `(\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(new Set(documented), new Set(names.filter((name) => name !== 'help')));
});

it('docs/cli.md lists the commands of webhooks and dlq as their --help does', async () => {
  for (const group of ['webhooks', 'dlq']) {
    const { stdout } = await runCli([group, '--help']);
    const commands = /\nCommands:\n([\s\S]*)$/.exec(stdout)?.[1] ?? '';
    const names = [...commands.matchAll(/^ {2}(\w+)/gm)].map((match) => match[1]);
    const documented = [...text.matchAll(new RegExp(`^\\| \`${group} (\\w+)`, 'gm'))];
    assert.deepEqual(
      new Set(documented.map((match) => match[1])),
      new Set(names.filter((name) => name !== 'help')),
    );
  }
});

it('the help of dev and serve names every flag, every variable and every name of a config file', async () => {
  for (const command of ['dev', 'serve']) {
    const { stdout } = await runCli([command, '--help']);
    const words = new Set(stdout.split(/[\s,()]+/));
    const settings = Object.values(settingTable);
    const expected = [
      ...settings.flatMap(({ env, flag }) => (flag === null ? env : [flag, ...env])),
      ...configFileNames.map((name) => name.replace('raincheck.config', '')),
    ];
    const missing = expected.filter(
      (word) => !words.has(word) && !stdout.includes(`config${word}`),
    );
    assert.deepEqual(missing, []);
  }
});
