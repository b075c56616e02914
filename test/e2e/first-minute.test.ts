import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { postJson, ServerProcess, statusWhen } from './server-process.ts';

const input = { type: 'sales_summary', date_range: '2026-01-01..2026-06-30' };
const fixture = path.join(import.meta.dirname, 'fixtures', 'raincheck.config.ts');

describe('the first minute', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'raincheck-e2e-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const store = (name: string): string => `sqlite:${path.join(folder, name)}`;
  const dev = (...args: string[]) => new ServerProcess(['dev', '--port', '0', ...args], { folder });

  it('accepts a report, makes it, serves it, and still has it after a restart', async () => {
    let statusPath = '';
    let pdf: Buffer;
    {
      await using server = dev('--store', store('report.db'));
      const url = await server.url();
      const accepted = await postJson(`${url}/reports`, input);
      assert.equal(accepted.status, 202);
      assert.match(accepted.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      statusPath = accepted.headers.get('location') ?? '';
      assert.match(statusPath, /^\/operations\/op_/);

      const done = await statusWhen(url + statusPath, ({ status }) => status === 'completed');
      const result = await fetch(url + done.result_url);
      assert.equal(result.headers.get('content-type'), 'application/pdf');
      pdf = Buffer.from(await result.arrayBuffer());
      assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
      server.kill('SIGTERM');
      assert.equal(await server.exited, 0, server.output);
    }
    await using again = dev('--store', store('report.db'));
    const url = await again.url();
    const done = await statusWhen(url + statusPath, ({ status }) => status === 'completed');
    const result = await fetch(url + done.result_url);
    assert.deepEqual(Buffer.from(await result.arrayBuffer()), pdf);
  });

  it('finishes what runs at SIGTERM, answers status reads meanwhile and refuses new work', async () => {
    await using server = dev('--store', store('drain.db'));
    const url = await server.url();
    const { headers } = await postJson(`${url}/countdown`, { seconds: 2 });
    const status = url + headers.get('location');
    await statusWhen(status, (operation) => operation.status === 'processing');
    server.kill('SIGTERM');
    await server.printed(/stopping/);
    assert.equal((await fetch(status)).status, 200);
    assert.equal((await postJson(`${url}/noop`, null)).status, 503);
    assert.equal(await server.exited, 0, server.output);

    await using again = dev('--store', store('drain.db'));
    const path = headers.get('location');
    const done = await statusWhen(
      (await again.url()) + path,
      ({ status }) => status === 'completed',
    );
    assert.deepEqual(done.result, { counted: 2 });
  });

  it('hands work back at the second signal and takes it up again after a restart', async () => {
    let path = '';
    const args = ['dev', '--port', '0', '--config', fixture, '--store', store('twice.db')];
    {
      await using server = new ServerProcess(args, { env: { HANG: '1' } });
      const url = await server.url();
      const { headers } = await postJson(`${url}/hang-or-not`, null);
      path = headers.get('location') ?? '';
      await server.printed(/hanging/);
      server.kill('SIGINT');
      await server.printed(/stopping:/);
      // A sleep, because time itself is tested: signals less than 200 ms apart count as one key
      // press.
      await new Promise((resolve) => setTimeout(resolve, 250));
      server.kill('SIGINT');
      assert.equal(await server.exited, 130, server.output);
    }
    await using again = new ServerProcess(args);
    const done = await statusWhen(
      (await again.url()) + path,
      ({ status }) => status === 'completed',
    );
    assert.equal(done.attempt, 1);
  });

  it('takes the next port in dev and says who has the first', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    try {
      const { port } = holder.address() as AddressInfo;
      await using server = new ServerProcess(['dev', '--ephemeral', '--port', String(port)]);
      const url = await server.url();
      assert.notEqual(new URL(url).port, String(port));
      assert.match(
        server.output,
        new RegExp(`Port ${port} is taken by .*; using ${new URL(url).port}`),
      );
      const tried = await server.printed(/raincheck run .*/);
      assert.ok(tried[0].endsWith(` --url ${url}`), tried[0]);

      const args = ['serve', '--config', fixture, '--store', 'memory:', '--port', String(port)];
      await using strict = new ServerProcess(args);
      assert.equal(await strict.exited, 1);
      assert.match(strict.output, new RegExp(`Port ${port} on 127.0.0.1 is taken by`));
    } finally {
      holder.close();
    }
  });

  it('says which process has the store', async () => {
    await using server = dev('--store', store('held.db'));
    await server.url();
    await using second = dev('--store', store('held.db'));
    assert.equal(await second.exited, 1);
    assert.match(second.output, /held\.db is in use by the process with pid \d+/);
  });

  it('does not listen to the network without a token, and asks for it when there is one', async () => {
    await using open = dev('--ephemeral', '--host', '0.0.0.0');
    assert.equal(await open.exited, 2);
    assert.match(open.output, /without a token/);

    const env = { RAINCHECK_TOKEN: 'correct-horse-battery' };
    const args = [
      'serve',
      '--config',
      fixture,
      '--store',
      'memory:',
      '--port',
      '0',
      '--host',
      '0.0.0.0',
    ];
    await using server = new ServerProcess(args, { env });
    const url = await server.url();
    assert.equal((await postJson(`${url}/echo`, 1)).status, 401);
    const authorization = `Bearer ${env.RAINCHECK_TOKEN}`;
    assert.equal((await postJson(`${url}/echo`, 1, { authorization })).status, 202);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });

  it('writes one JSON object a line, without secrets and control characters', async () => {
    const env = { RAINCHECK_TOKEN: 'correct-horse-battery' };
    const args = ['serve', '--config', fixture, '--store', 'memory:', '--port', '0'];
    await using server = new ServerProcess(args, { env });
    const url = await server.url();
    const authorization = `Bearer ${env.RAINCHECK_TOKEN}`;
    await postJson(`${url}/talkative`, null, { authorization, prefer: 'wait=10' });
    server.kill('SIGTERM');
    assert.equal(await server.exited, 0, server.output);
    const lines = server.output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { msg: string });
    assert.ok(
      lines.some(({ msg }) => msg.startsWith('two\nlines')),
      server.output,
    );
    assert.ok(
      lines.some(({ msg }) => msg === 'request'),
      server.output,
    );
    for (const forbidden of ['correct-horse', 'secret-in-a-field', '\u001b', '\r']) {
      assert.ok(!server.output.includes(forbidden), server.output);
    }
  });

  it('outlives a rejection that nobody waited for, and ends with 1 at an uncaught exception', async () => {
    const args = ['serve', '--config', fixture, '--store', 'memory:', '--port', '0'];
    await using server = new ServerProcess(args);
    const url = await server.url();
    const rejected = await postJson(`${url}/stray-rejection`, null, { prefer: 'wait=10' });
    assert.equal(await rejected.json(), 'and yet it works');
    await server.printed(/"level":"error".*nobody waited for this/);
    await postJson(`${url}/stray-exception`, null);
    assert.equal(await server.exited, 1);
    assert.match(server.output, /"level":"error".*nobody caught this/);
  });

  it('shows where dashboard and inbox are, and catches the webhook that is sent there', async () => {
    await using server = dev('--ephemeral');
    const url = await server.url();
    await server.printed(new RegExp(`Dashboard +${url}/dashboard `));
    await server.printed(new RegExp(`Inbox +${url}/inbox `));
    await postJson(`${url}/countdown`, { seconds: 1, webhook_url: `${url}/inbox/done` });
    await server.printed(/POST \/inbox\/done → 204/);
    const inbox = (await (await fetch(`${url}/inbox`)).json()) as {
      webhooks: { signature: { state: string } }[];
    };
    assert.deepEqual(
      inbox.webhooks.map(({ signature }) => signature.state),
      ['valid'],
    );
    const home = await fetch(url, { headers: { accept: 'text/html' }, redirect: 'manual' });
    assert.equal(home.headers.get('location'), '/dashboard');
  });

  it('takes tokens with scopes from the variable, as JSON', async () => {
    const tokens = [{ name: 'ci', token: 'rck_of_the_ci', scopes: ['submit'] }];
    const env = { RAINCHECK_TOKENS: JSON.stringify(tokens) };
    const args = ['serve', '--config', fixture, '--store', 'memory:', '--port', '0'];
    await using server = new ServerProcess([...args, '--host', '0.0.0.0'], { env });
    const url = await server.url();
    const authorization = 'Bearer rck_of_the_ci';
    assert.equal((await postJson(`${url}/echo`, 1)).status, 401);
    assert.equal((await postJson(`${url}/echo`, 1, { authorization })).status, 202);
    assert.equal((await fetch(`${url}/operations`, { headers: { authorization } })).status, 403);
    assert.ok(!server.output.includes('rck_of_the_ci'));
  });

  it('names the variable that does not fit', async () => {
    await using server = new ServerProcess(['dev'], { env: { RAINCHECK_CONCURRENCY: 'many' } });
    assert.equal(await server.exited, 2);
    assert.match(
      server.output,
      /RAINCHECK_CONCURRENCY: expected a whole number from 1 to 10000, got "many"/,
    );
  });

  it('ends with 2 where the config file is wrong, or is none', async () => {
    const config = path.join(folder, 'wrong.config.mjs');
    writeFileSync(config, 'export default { tasks: [], concurency: 3 };');
    const wrong = new ServerProcess(['serve', '--config', config], { folder });
    assert.equal(await wrong.exited, 2);
    assert.match(wrong.output, /Did you mean `concurrency`\?/);
    const none = new ServerProcess(['worker', '--config', 'nowhere.ts'], { folder });
    assert.equal(await none.exited, 2);
    assert.match(none.output, /^raincheck worker: .*nowhere\.ts/);
  });
});
