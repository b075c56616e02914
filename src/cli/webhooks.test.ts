import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { runCli, startCli, type CliRun } from '../../test/support/run-cli.ts';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { hasTerminal, onTerminal } from '../../test/support/terminal.ts';
import { wireEndpoint } from '../../test/support/wire-samples.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import type {
  WireCreatedEndpoint,
  WireDelivery,
  WireDeliveryAttempt,
  WireEndpoint,
  WireRedriveCount,
  WireTestedEndpoint,
} from '../core/wire-webhook.ts';
import { Inbox } from '../http/inbox.fixture.ts';
import { kit, listening, type Kit } from '../http/transports.fixture.ts';
import { until } from '../testing/until.fixture.ts';

/** The real engine, webhooks and HTTP API in this process, the command line as processes beside it. */
const inbox = new Inbox();
let folder = '';
let k: Kit;
let url = '';
let close: () => Promise<void>;
const cli = (...args: string[]): Promise<CliRun> => runCli(args, { url });
const jsonOf = ({ code, stdout, stderr }: CliRun): unknown => {
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
};

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-webhooks-'));
  await inbox.open();
  k = await kit();
  const opened = await listening(k.app);
  url = `http://127.0.0.1:${opened.port}`;
  ({ close } = opened);
});
after(async () => {
  await k.stop();
  await close();
  await inbox.close();
  rmSync(folder, { recursive: true });
});

/** Dead letters of a path of its own, by its endpoint. */
async function deadLetters(
  at: string,
  count: number,
): Promise<{ endpoint: string; ids: string[] }> {
  inbox.answers(at, () => ({ status: 404 }));
  for (let i = 0; i < count; i += 1) {
    await cli('run', 'echo', '-q', '--webhook-url', inbox.origin + at);
  }
  await inbox.wait(at, count * 3);
  const found = await until(
    `${count} dead letters of ${at}`,
    async () => {
      const { stdout } = await cli('dlq', 'list', '--error', 'http_404', '--json', '-n', '100');
      return stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as WireDelivery)
        .filter((one) => one.url === inbox.origin + at);
    },
    (letters) => letters.length === count,
  );
  return { endpoint: found[0]!.endpoint_id, ids: found.map((one) => one.id) };
}

describe('run and submit', () => {
  it('name an address that is told of the end', async () => {
    const ran = await cli(
      'run',
      'strict',
      'from=x',
      'days=2',
      '--webhook-url',
      `${inbox.origin}/run`,
    );
    assert.equal(ran.stdout, '2\n', ran.stderr);
    assert.doesNotMatch(ran.stderr, /is not a field/);
    const words = await cli(
      'submit',
      'strict',
      'from=x',
      'days=2',
      `webhook_url=${inbox.origin}/run`,
    );
    assert.doesNotMatch(words.stderr, /is not a field/);
    const arrived = await inbox.wait('/run', 2);
    const id = words.stdout.trim();
    assert.ok(arrived.some(({ text }) => (JSON.parse(text) as WireOperation).operation_id === id));
    const status = await cli('status', id);
    assert.match(status.stdout, /\nwebhook +(?:delivered|sending) /);
  });

  it('say which address is refused, and by which name it was given', async () => {
    const { code, stderr } = await cli('run', 'echo', '--webhook-url', 'https://10.0.0.1/');
    assert.equal(code, 2);
    assert.match(stderr, /^✖ Webhooks are not sent to this address\n {4}webhook_url {2}\S/);
    const list = await cli('run', 'echo', '--input', '[]', '--webhook-url', inbox.origin);
    assert.equal(list.code, 2);
    assert.match(list.stderr, /Expected `input` to be an object/);
  });
});

describe('raincheck webhooks', () => {
  it('creates an endpoint, tells its secret once, and shows, changes, tests and removes it', async () => {
    const token = path.join(folder, 'token');
    writeFileSync(token, 'Bearer 123\n');
    const flags = ['--event', 'failed', '--task', 'broken', '--description', 'For the tests'];
    const header = `authorization=@${token}`;
    const to = `${inbox.origin}/made`;
    const made = await cli('webhooks', 'create', to, ...flags, '--header', header);
    assert.equal(made.code, 0, made.stderr);
    const [id = '', secret = ''] = made.stdout.trimEnd().split('\n');
    assert.match(id, /^ep_[0-9A-Z]{26}$/);
    assert.match(secret, /^whsec_/);
    assert.match(made.stderr, /not shown again/);
    const shown = await cli('webhooks', 'show', id);
    assert.match(
      shown.stdout,
      /\nabout +For the tests\nstate +enabled\nevents +operation\.failed\n/,
    );
    assert.match(shown.stdout, /\ntasks +broken\nheaders +authorization \(values/);
    assert.ok(!shown.stdout.includes(secret) && !shown.stdout.includes('Bearer'));
    const tested = await cli('webhooks', 'test', id);
    assert.equal(tested.code, 0, tested.stderr);
    assert.match(tested.stdout, /^✔ msg_\w{26} delivered: 204 in \d/);
    const [arrived] = await inbox.wait('/made', 1);
    assert.equal(arrived?.headers.authorization, 'Bearer 123');
    new Webhook(secret).verify(arrived.text, arrived.headers as Record<string, string>);
    const changed = jsonOf(
      await cli('webhooks', 'update', id, '--to', `${inbox.origin}/moved`, '--all-tasks', '--json'),
    ) as WireEndpoint;
    assert.equal(changed.url, `${inbox.origin}/moved`);
    assert.equal(changed.tasks, null);
    assert.deepEqual(changed.events, ['operation.failed']);
    const disabled = await cli('webhooks', 'disable', id);
    assert.match(disabled.stdout, /\nstate +disabled: by hand\n/);
    const held = await cli('webhooks', 'test', id);
    assert.equal(held.code, 3);
    assert.match(held.stderr, /^✖ msg_\w+ was not sent: endpoint disabled: by hand\n/);
    assert.match((await cli('webhooks', 'enable', id)).stdout, /\nstate +enabled\n/);
    const listed = await cli('webhooks', 'list', '--kind', 'registered');
    const line = new RegExp(
      `(^|\\n)${id}\\tregistered\\tenabled\\t\\S+Z\\t\\t\\S+/moved\\toperation.failed\\t\\n`,
    );
    assert.match(listed.stdout, line);
    const quiet = await cli('webhooks', 'disable', id, '--quiet');
    assert.deepEqual(quiet, { code: 0, stdout: '', stderr: '' });
    assert.equal((await cli('webhooks', 'remove', id)).stdout, `${id} removed\n`);
    const gone = await cli('webhooks', 'show', id);
    assert.equal(gone.code, 5);
  });

  it('says which enabled endpoint has the same address and gets the same events', async () => {
    const create = async (...flags: string[]) => {
      const made = await cli('webhooks', 'create', `${inbox.origin}/twice`, ...flags);
      assert.equal(made.code, 0, made.stderr);
      return { id: made.stdout.slice(0, 29), hint: made.stderr.split('\n').slice(1, -2) };
    };
    const failures = await create('--event', 'failed', '--task', 'broken');
    assert.deepEqual(failures.hint, []);
    const successes = await create('--event', 'completed');
    assert.deepEqual(successes.hint, []);
    const others = await create('--event', 'failed', '--task', 'echo');
    assert.deepEqual(others.hint, []);
    assert.deepEqual((await create('--event', 'failed', '--disabled')).hint, []);
    const again = await create('--event', 'failed', '--task', 'broken');
    assert.deepEqual(again.hint, [
      `${failures.id} has the same address: both will get each event that both ask for.`,
    ]);
    for (const { id } of [failures, successes, others, again]) {
      await cli('webhooks', 'remove', id);
    }
  });

  it('lists why an endpoint that fails does', async () => {
    const health = { ...wireEndpoint().health, failures: 7 };
    const endpoints = [wireEndpoint({ health }), wireEndpoint()];
    await using server = await scriptedServer(() => ({
      status: 200,
      body: { endpoints, next_cursor: null },
    }));
    const args = ['webhooks', 'list', '--kind', 'registered'];
    const { stdout, stderr } = await runCli(args, server);
    const reasons = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t').slice(2, 5));
    assert.deepEqual(
      reasons.map(([state, , reason]) => [state, reason]),
      [
        ['enabled', 'failing: 7 in a row'],
        ['enabled', ''],
      ],
      stderr,
    );
  });

  it('asks for consent, again by hand, and shows what came of it', async () => {
    inbox.answers('/consent', () => ({ status: 404 }));
    const made = await cli('webhooks', 'create', `${inbox.origin}/consent`, '--handshake');
    assert.equal(made.code, 0, made.stderr);
    assert.match(made.stderr, /has not consented yet, so nothing is sent: It answered 404\./);
    const [id = ''] = made.stdout.split('\n');
    const none = await cli('webhooks', 'validate', id);
    assert.equal(none.code, 3);
    assert.match(none.stdout, /\nstate +disabled: its consent is awaited \(It answered 404\.\)\n/);
    const headers = { 'webhook-allowed-origin': '*', 'webhook-allowed-rate': '120' };
    inbox.answers('/consent', () => ({ status: 200, headers }));
    const given = await cli('webhooks', 'validate', id);
    assert.equal(given.code, 0, given.stderr);
    assert.match(given.stdout, /\nconsent +given, 120 a minute, asked .+ ago\n/);
    const without = await cli('webhooks', 'update', id, '--no-handshake');
    assert.doesNotMatch(without.stdout, /\nconsent /);
    await cli('webhooks', 'remove', id);
  });

  it('exits with 3 when a test fails, and says how', async () => {
    inbox.answers('/down', () => ({ status: 503 }));
    const { id } = jsonOf(
      await cli('webhooks', 'create', `${inbox.origin}/down`, '--json'),
    ) as WireCreatedEndpoint;
    const prose = await cli('webhooks', 'test', id);
    assert.equal(prose.code, 3);
    assert.match(prose.stderr, /^✖ msg_\w+ failed: http_503 in \d/);
    const json = await cli('webhooks', 'test', id, '--json');
    assert.equal(json.code, 3);
    assert.equal((JSON.parse(json.stdout) as WireTestedEndpoint).attempt?.error, 'http_503');
    const removed = jsonOf(await cli('webhooks', 'remove', id, '--json')) as WireEndpoint;
    assert.equal(removed.id, id);
    assert.equal((await cli('webhooks', 'remove', id, '--json')).code, 5);
  });

  it('names the member that does not fit', async () => {
    const cases: [string[], RegExp][] = [
      [['create', 'ftp://x'], /\n {4}url {2}\S/],
      [['create', inbox.origin, '--task', 'ecko'], /\n {4}tasks\.0 {2}.*Did you mean `echo`/],
      [['create', inbox.origin, '--header', 'host=x'], /\n {4}headers\.host {2}\S/],
      [['create', inbox.origin, '--event', 'ended'], /Expected --event to be one of operation\./],
      [['create', inbox.origin, '--header', 'x'], /Expected --header name=value/],
      [['update', 'ep_01M8A2FC7Z89HCJPXB06DH80CR'], /Say what to change/],
      [['update', 'ep_x', '--description', 'x'], /'ep_x' is not an endpoint id/],
      [['show', 'op_x'], /'op_x' is not the id of an endpoint \(ep_…\) or of a delivery/],
      [['secret', '--grace', '1h'], /go with --rotate/],
      [['deliveries', '--state', 'dad'], /Did you mean dead\?/],
      [['lst'], /Unknown command 'lst'\. Did you mean list\?/],
    ];
    const runs = await Promise.all(cases.map(([args]) => cli('webhooks', ...args)));
    for (const [i, { code, stderr }] of runs.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, cases[i]![1]);
    }
  });

  it('rotates a secret and prints it, only this once', async () => {
    const { id } = jsonOf(
      await cli('webhooks', 'create', `${inbox.origin}/secret`, '--json'),
    ) as WireCreatedEndpoint;
    const rotated = await cli('webhooks', 'secret', id, '--rotate', '--grace', '1h');
    assert.match(rotated.stdout, /^whsec_\S+\n$/);
    const shown = await cli('webhooks', 'secret', id);
    assert.match(
      shown.stdout,
      /^signs since \S+Z, until it is replaced\nsigns since \S+Z, until \S+Z\n$/,
    );
    const secretFile = path.join(folder, 'secret');
    const own = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
    writeFileSync(secretFile, own);
    const brought = await cli('webhooks', 'secret', '--rotate', '--secret-file', secretFile);
    assert.equal(brought.stdout, `${own}\n`);
    await cli('webhooks', 'remove', id);
  });

  it('shows what was sent, and sends it again', async () => {
    await cli('run', 'echo', '-q', '--webhook-url', `${inbox.origin}/resent?t=1`);
    await inbox.wait('/resent', 1);
    const all = await cli('webhooks', 'deliveries', '--state', 'delivered,sending', '-n', '100');
    const line =
      all.stdout.split('\n').find((one) => one.includes(`\t${inbox.origin}/resent\t`)) ?? '';
    const id = line.split('\t')[0] ?? '';
    assert.match(line, /^msg_\w{26}\toperation\.completed\t\w+\t1\t\S+Z\t\d*\t\t\S+\top_\w{26}$/);
    let run = await cli('webhooks', 'resend', id);
    // An attempt under way is never sent beside itself.
    while (run.code === 1 && run.stderr.includes('under way'))
      run = await cli('webhooks', 'resend', id);
    assert.match(run.stdout, new RegExp(`^${id} pending after 1 attempt`));
    await inbox.wait('/resent', 2);
    const { delivery, attempts } = jsonOf(await cli('webhooks', 'show', id, '--json')) as {
      delivery: WireDelivery;
      attempts: WireDeliveryAttempt[];
    };
    assert.equal(delivery.request?.body, inbox.at('/resent')[0]?.text);
    assert.equal(attempts[1]?.trigger, 'manual');
    const shown = await cli('webhooks', 'show', id);
    assert.match(
      shown.stdout,
      /\nattempt 1 +delivered: 204 in .*\n +began .*\nattempt 2 .*\(manual\)\n +began /,
    );
  });
});

describe('raincheck dlq', () => {
  it('counts, then sends all that a filter finds again, and follows it as run does', async () => {
    const { endpoint, ids } = await deadLetters('/bulk', 3);
    const counted = await cli('dlq', 'retry', '--endpoint', endpoint, '--dry-run');
    assert.equal(counted.stdout, '3 dead letters\n');
    const { count } = jsonOf(
      await cli('dlq', 'retry', '--endpoint', endpoint, '--dry-run', '--json'),
    ) as WireRedriveCount;
    assert.equal(count, 3);
    inbox.answers('/bulk', () => ({ status: 204 }));
    const ran = await cli('dlq', 'retry', '--endpoint', endpoint, '--per-second', '100', '-y');
    assert.equal(ran.code, 0, ran.stderr);
    assert.match(ran.stderr, /^Sending again: 3 dead letters\.\nop_\w+ pending\n/);
    assert.deepEqual(JSON.parse(ran.stdout), { action: 'redrive', changed: 3, skipped: 0 });
    const arrived = await inbox.wait('/bulk', 12);
    const again = arrived.slice(9).map(({ headers }) => headers['webhook-id']);
    assert.deepEqual(new Set(again), new Set(ids));
    const none = await cli('dlq', 'retry', '--endpoint', endpoint);
    assert.deepEqual(none, { code: 0, stdout: '', stderr: 'No dead letter matches.\n' });
    const json = jsonOf(await cli('dlq', 'retry', '--endpoint', endpoint, '--json'));
    assert.deepEqual(json, { dry_run: true, action: 'redrive', count: 0, more: false });
    const expired = await cli('dlq', 'retry', '--endpoint', endpoint, '--expired', '--dry-run');
    assert.equal(expired.stdout, '0 expired deliveries\n');
  });

  it('groups them by endpoint and error', async () => {
    const { endpoint, ids } = await deadLetters('/groups', 2);
    const { stdout } = await cli('dlq', 'groups', '--endpoint', endpoint);
    const cells = stdout.trimEnd().split('\t');
    assert.deepEqual(cells.slice(0, 3), [endpoint, 'http_404', '2']);
    assert.ok(ids.includes(cells[5] ?? ''));
    const json = await cli('dlq', 'groups', '--endpoint', endpoint, '--json');
    assert.equal((JSON.parse(json.stdout) as { count: number }).count, 2);
    await cli('dlq', 'discard', '--endpoint', endpoint, '--error', 'http_404', '--yes');
    const none = await cli('dlq', 'groups', '--endpoint', endpoint);
    assert.equal(none.stdout, '');
  });

  it('sends again or discards those that are named', async () => {
    const { ids } = await deadLetters('/named', 2);
    const [one = '', two = ''] = ids;
    const shown = await cli('dlq', 'show', one);
    assert.match(shown.stdout, /\nstate +dead after 3 attempts \(http_404\)\n/);
    const discarded = await cli('dlq', 'discard', one);
    assert.equal(discarded.stdout, `${one} cancelled after 3 attempts (http_404)\n`);
    const again = await cli('dlq', 'discard', one);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /Only what waits or is a dead letter can be discarded/);
    inbox.answers('/named', () => ({ status: 204 }));
    const retried = await cli('dlq', 'retry', two);
    assert.match(
      retried.stdout,
      new RegExp(`^${two} pending after 3 attempts \\(http_404\\), next attempt now`),
    );
    await inbox.wait('/named', 7);
  });

  it('takes all that a filter finds only when told so twice', async () => {
    const { endpoint } = await deadLetters('/twice', 1);
    const filter = ['--endpoint', endpoint];
    for (const more of [[], ['--json']]) {
      const asked = await cli('dlq', 'discard', ...filter, ...more);
      assert.equal(asked.code, 2);
      assert.match(
        asked.stderr,
        /1 dead letter matches\. Nobody is sent it any more then\. Not a terminal: pass --yes to discard it/,
      );
    }
    const retry = await cli('dlq', 'retry', ...filter);
    assert.equal(retry.code, 2);
    assert.match(retry.stderr, /1 dead letter matches\. Not a terminal: pass --yes to retry it/);
    assert.equal((await cli('dlq', 'retry', ...filter, '--dry-run')).stdout, '1 dead letter\n');
    const done = await cli('dlq', 'discard', '--endpoint', endpoint, '--yes', '--json');
    assert.equal(done.code, 0, done.stderr);
    const lines = done.stdout.trimEnd().split('\n');
    const last = JSON.parse(lines.at(-1) ?? '') as WireOperation;
    assert.deepEqual(last.result, { action: 'discard', changed: 1, skipped: 0 });
    assert.equal(last.task, 'webhooks.redrive');
  });

  it('asks on a terminal', { skip: !hasTerminal && 'needs script of util-linux' }, async () => {
    const { endpoint } = await deadLetters('/asked', 2);
    const asked = (verb: string, typed: string) =>
      onTerminal(['dlq', verb, '--endpoint', endpoint], { url, typed });
    const no = await asked('retry', 'n\r');
    assert.match(no, /2 dead letters match\. Retry them\? \[y\/N\] /);
    assert.match(no, /Nothing was done\./);
    const yes = await asked('discard', 'y\r');
    assert.match(yes, /match\. Nobody is sent them any more then\. Discard them\? \[y\/N\] /);
    assert.match(yes, /Discarding: 2 dead letters\./);
    const left = await cli('dlq', 'discard', '--endpoint', endpoint, '--dry-run');
    assert.equal(left.stdout, '0 dead letters\n');
  });

  it('goes on after Ctrl-C', async () => {
    const { endpoint } = await deadLetters('/long', 20);
    const pace = ['--per-second', '1', '--yes'];
    const args = ['dlq', 'retry', '--endpoint', endpoint, ...pace, '--url', url];
    const run = startCli(args);
    await run.told(/ processing\n/);
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    assert.equal(code, 130);
    const id = /op_\w{26}/.exec(stderr)?.[0] ?? '';
    assert.match(stderr, new RegExp(`Detached\\. .* npx raincheck wait ${id}`));
    assert.equal((await cli('cancel', id)).code, 0);
    assert.equal((await cli('wait', id)).code, 7);
  });

  it('does nothing without being told to what', async () => {
    const cases: [string[], RegExp][] = [
      [['retry'], /Name deliveries, or say --all or a filter/],
      [['discard'], /Name deliveries, or say --all or a filter/],
      [['retry', 'msg_01M8A4E8X49JM2HXDQY4JRYS45', '--all'], /not both/],
      [['retry', 'msg_x'], /'msg_x' is not a delivery id/],
      [['retry', '--yes'], /Name deliveries, or say --all or a filter/],
      [['retry', '--all', '--expired'], /--all or a filter, not both/],
      [['retry', '--all', '--per-second', '0'], /\n {4}per_second {2}\S/],
      [['retry', '--al'], /Did you mean --all\?/],
      [['retry', '--all', '--error', 'timeout', '--dry-run'], /--all or a filter, not both/],
      [['retry', '--endpoint', 'ep_nope'], /--endpoint: 'ep_nope' is not an endpoint id/],
      [['list', '--operation', 'op_nope'], /--operation: 'op_nope' is not an operation id/],
      [['discard', '--expired'], /Unknown option/],
    ];
    const runs = await Promise.all(cases.map(([args]) => cli('dlq', ...args)));
    for (const [i, { code, stderr }] of runs.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, cases[i]![1]);
    }
  });
});
