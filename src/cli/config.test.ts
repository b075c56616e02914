import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, it } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';

const folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-config-'));
after(() => rmSync(folder, { recursive: true }));

it('config tells where each value came from, and no secret', async () => {
  const text = `export default { tasks: [], port: 7444, concurrency: 8, threads: 3, grace: '90s',
    webhooks: { retryPauses: ['1s', '1m'], originConcurrency: 9 } };`;
  writeFileSync(path.join(folder, 'raincheck.config.mjs'), text);
  const env = {
    RAINCHECK_TOKEN: 'a-token-for-tests',
    RAINCHECK_PORT: '7555',
    DATABASE_URL: 'postgres://me:hunter22@db.example/app',
  };
  const url = 'https://ops.example';
  const run = await runCli(['config', '--url', url], { folder, env });
  assert.equal(run.code, 0, run.stderr);
  const rows = run.stdout.split('\n').map((line) => line.split('\t'));
  const row = (name: string) => rows.find(([first]) => first === name)?.slice(1);
  assert.deepEqual(row('client url'), [url, '--url']);
  assert.deepEqual(row('client token'), ['[set]', 'RAINCHECK_TOKEN']);
  assert.deepEqual(row('token'), ['[set]', 'RAINCHECK_TOKEN']);
  assert.deepEqual(row('port'), ['7555', 'RAINCHECK_PORT']);
  assert.deepEqual(row('concurrency'), ['8', 'config file']);
  assert.deepEqual(row('drain'), ['25 s', 'default']);
  assert.equal(row('store')?.[1], 'DATABASE_URL');
  assert.match(row('store')?.[0] ?? '', /db\.example/);
  for (const secret of ['hunter22', 'a-token-for-tests']) assert.ok(!run.stdout.includes(secret));
  assert.deepEqual(row('tokens'), ['-', 'default']);
  assert.deepEqual(row('threads'), ['3', 'config file']);
  assert.deepEqual(row('grace'), ['1 m 30 s', 'config file']);
  assert.deepEqual(row('lease'), ['15 s', 'default']);
  assert.deepEqual(row('dashboard'), ['true', 'default']);
  assert.deepEqual(row('webhooks.retryPauses'), ['1.0 s, 1 m 00 s', 'config file']);
  assert.deepEqual(row('webhooks.originConcurrency'), ['9', 'config file']);
  assert.deepEqual(row('webhooks.endpointConcurrency'), ['4', 'default']);
  assert.deepEqual(row('webhooks.origin'), ['-', 'default']);
  const json = await runCli(['config', '--json', '--mode', 'dev'], { folder, env });
  const { mode, file, settings } = JSON.parse(json.stdout);
  assert.deepEqual([mode, path.basename(file)], ['dev', 'raincheck.config.mjs']);
  assert.ok(settings.some((one: { name: string }) => one.name === 'webhooks.secret'));
});

it('config says that no webhooks are sent, and which setting of them does not fit', async () => {
  const file = path.join(folder, 'webhooks.mjs');
  writeFileSync(file, 'export default { tasks: [], webhooks: false };');
  const off = await runCli(['config', '-c', file], { folder });
  assert.match(off.stdout, /\nwebhooks\tfalse\tconfig file\n/);
  assert.doesNotMatch(off.stdout, /webhooks\.poll/);
  const wrong = path.join(folder, 'wrong.mjs');
  writeFileSync(wrong, "export default { tasks: [], webhooks: { poll: '2h' } };");
  const run = await runCli(['config', '-c', wrong], { folder });
  assert.equal(run.code, 2);
  assert.match(run.stderr, /Expected `webhooks\.poll` to be a duration from 10ms to 1m/);
});

it('config says what does not fit as the start would', async () => {
  const run = await runCli(['config'], { folder, env: { RAINCHECK_CONCURRENCY: 'many' } });
  assert.equal(run.code, 2);
  assert.match(run.stderr, /RAINCHECK_CONCURRENCY: expected a whole number/);
});
