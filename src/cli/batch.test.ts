import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runCli, startCli, type CliRun } from '../../test/support/run-cli.ts';
import { hasTerminal, onTerminal } from '../../test/support/terminal.ts';
import type { WireBatchCount, WireOperation } from '../core/wire-operation.ts';
import { kit, listening, type Kit } from '../http/transports.fixture.ts';

/** The real engine and HTTP API in this process, the command line as processes beside it. */
let k: Kit;
let url = '';
let close: () => Promise<void>;
const cli = (...args: string[]): Promise<CliRun> => runCli(args, { url });

before(async () => {
  k = await kit();
  const opened = await listening(k.app);
  url = `http://127.0.0.1:${opened.port}`;
  ({ close } = opened);
});
after(async () => {
  await k.stop();
  await close();
});

const batchTask = 'operations.batch-retry';

async function submitted(task: string, label: string, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const { operation } = await k.engine.submit({
      task,
      tenant: '',
      input: { value: { i }, text: `{"i":${i}}` },
      labels: { set: label },
    });
    ids.push(operation.id);
  }
  return ids;
}

/** Submits operations of the task `broken` and waits until they have failed. */
async function failed(label: string, count: number): Promise<readonly string[]> {
  const ids = await submitted('broken', label, count);
  for (const id of ids) await final(id);
  return ids;
}

function final(id: string) {
  return k.engine.waitFor({ id, tenant: '', until: 'final', version: 0, timeoutMs: 10_000 });
}

async function retriesOf(label: string): Promise<readonly string[]> {
  const page = await k.engine.list({
    filter: { labels: { set: label } },
    limit: 200,
    beforeId: null,
  });
  return page.operations.flatMap((one) => one.retryOf ?? []);
}

describe('raincheck retry with a filter', () => {
  it('counts, and retries all that it finds when told not to ask', async () => {
    const ids = await failed('r1', 3);
    const filter = ['--label', 'set=r1', '--error', 'no PAPER', '--code', 'task_error'];
    const counted = await cli('retry', ...filter, '--dry-run');
    assert.deepEqual(counted, { code: 0, stdout: '3 operations\n', stderr: '' });
    const one = await cli('retry', ...filter, '--where', 'i=2', '--dry-run', '--json');
    const { sample, ...rest } = JSON.parse(one.stdout) as WireBatchCount;
    assert.deepEqual(rest, { dry_run: true, count: 1, count_complete: true });
    assert.deepEqual(sample, [ids[2]]);
    const done = await cli('retry', ...filter, '--status', 'failed', '--yes');
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /^Retrying: 3 operations\.\nop_\w+ pending\n/);
    const result = { matched: 3, changed: 3, skipped: 0, failed: 0 };
    assert.deepEqual(JSON.parse(done.stdout), result);
    assert.deepEqual((await retriesOf('r1')).toSorted(), ids.toSorted());
  });

  it('with --json prints the batch as it goes', async () => {
    await failed('r2', 1);
    const { code, stdout, stderr } = await cli('retry', '-l', 'set=r2', '-n', '1', '-y', '--json');
    assert.equal(code, 0, stderr);
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as WireOperation;
    assert.equal(last.task, batchTask);
    assert.deepEqual(last.result, { matched: 1, changed: 1, skipped: 0, failed: 0 });
  });

  it('does nothing where nobody can be asked, and says how', async () => {
    await failed('r3', 2);
    for (const more of [[], ['--json']]) {
      const { code, stderr } = await cli('retry', '--label', 'set=r3', ...more);
      assert.equal(code, 2);
      assert.match(stderr, /2 operations match\. Not a terminal: pass --yes to retry/);
    }
    assert.deepEqual(await retriesOf('r3'), []);
  });

  it('asks on a terminal', { skip: !hasTerminal && 'needs script of util-linux' }, async () => {
    await failed('r4', 2);
    const args = ['retry', '--label', 'set=r4'];
    for (const typed of ['n\r', '\r', '\u0004', '\u0003']) {
      const text = await onTerminal(args, { url, typed });
      assert.match(text, /2 operations match\. Retry them\? \[y\/N\] /);
      assert.match(text, /Nothing was done\./);
    }
    assert.deepEqual(await retriesOf('r4'), []);
    assert.match(await onTerminal(args, { url, typed: 'y\r' }), /Retrying: 2 operations\./);
    assert.equal((await retriesOf('r4')).length, 2);
  });
});

describe('raincheck errors', () => {
  it('tells the kinds of errors, and retry takes one', async () => {
    await failed('e1', 2);
    const { code, stdout, stderr } = await cli('errors', '--task', 'broken', '--since', '1h');
    assert.equal(code, 0, stderr);
    const [kind = '', ...cells] = stdout.trimEnd().split('\t');
    assert.match(kind, /^[0-9a-f]{16}$/);
    assert.deepEqual(cells.slice(0, 2), ['broken', 'task_error']);
    assert.equal(cells.at(-1), 'The printer has no paper.');
    const all = Number(cells[2]);
    assert.ok(all >= 2);
    const json = await cli('errors', '--json', '-n', '1');
    assert.equal((JSON.parse(json.stdout) as { fingerprint: string }).fingerprint, kind);
    const one = await cli('retry', '--kind', kind, '--label', 'set=e1', '--yes', '-q');
    assert.deepEqual(JSON.parse(one.stdout), { matched: 2, changed: 2, skipped: 0, failed: 0 });
    const none = await cli('retry', '--kind', '0123456789abcdef', '--yes');
    assert.match(none.stderr, /No operation matches/);
    for (const args of [
      ['--limit', '0'],
      ['--since', 'x'],
    ]) {
      assert.equal((await cli('errors', ...args)).code, 2);
    }
  });

  it(
    'are a table on a terminal',
    { skip: !hasTerminal && 'needs script of util-linux' },
    async () => {
      await failed('e2', 1);
      const text = await onTerminal(['errors'], { url, columns: 100 });
      assert.match(text, /COUNT +TASK +CODE +LAST +KIND +FOR EXAMPLE/);
      assert.match(
        text,
        /\d+ +broken +task_error +\d+ s ago +[0-9a-f]{16} +The printer has no paper\./,
      );
    },
  );
});

describe('raincheck cancel with a filter', () => {
  it('cancels all that it finds', async () => {
    const [one = '', two = ''] = await submitted('held', 'c1', 2);
    const other = await submitted('held', 'c2', 1);
    const done = await cli('cancel', '--label', 'set=c1', '--task', 'held', '--yes', '-q');
    assert.equal(done.code, 0, done.stderr);
    assert.deepEqual(JSON.parse(done.stdout), { matched: 2, changed: 2, skipped: 0, failed: 0 });
    for (const id of [one, two]) assert.equal((await final(id)).error?.code, 'cancelled');
    const left = await k.engine.read({ id: other[0] ?? '', tenant: '' });
    assert.equal(left.cancelRequestedAt, null);
    const none = await cli('cancel', '--label', 'set=c1', '--yes');
    assert.deepEqual(none, { code: 0, stdout: '', stderr: 'No operation matches.\n' });
    const json = await cli('cancel', '--label', 'set=c1', '--yes', '--json');
    assert.equal((JSON.parse(json.stdout) as WireBatchCount).count, 0);
  });

  it('goes on after Ctrl-C, and ends with 7 when somebody cancels it meanwhile', async () => {
    // A queue without room holds a retry up: one runs, one waits, and there is place for no more.
    const ids = await submitted('capped', 'c3', 1);
    for (const id of ids) await k.engine.cancel({ id, tenant: '' });
    await final(ids[0] ?? '');
    await k.engine.setTaskPaused({ task: 'capped', paused: true });
    await submitted('capped', 'full', 1);
    const run = startCli(['retry', '--label', 'set=c3', '--yes', '--url', url]);
    await run.told(/ processing\n/);
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    assert.equal(code, 130);
    const id = /op_\w{26}/.exec(stderr)?.[0] ?? '';
    assert.match(stderr, new RegExp(`Detached\\. .* npx raincheck wait ${id}`));
    assert.equal((await cli('cancel', id)).code, 0);
    assert.equal((await cli('wait', id)).code, 7);
    const followed = startCli(['retry', '--label', 'set=c3', '--yes', '--url', url]);
    await followed.told(/ processing\n/);
    const again = /op_\w{26}/.exec((await cli('list', '--task', batchTask, '-n', '1')).stdout)?.[0];
    assert.equal((await cli('cancel', again ?? '')).code, 0);
    assert.equal((await followed.ended).code, 7);
  });

  it('remove takes failed ones, and completed ones when told so', async () => {
    const ids = await failed('d1', 2);
    const good = await submitted('echo', 'd1', 2);
    for (const id of good) await final(id);
    const counted = await cli('remove', '--label', 'set=d1', '--dry-run');
    const left = '2 completed ones stay; --status completed takes those.\n';
    assert.deepEqual(counted, { code: 0, stdout: '2 failed operations\n', stderr: left });
    const byCode = await cli('remove', '--label', 'set=d1', '--code', 'task_error', '--dry-run');
    assert.equal(byCode.stderr, '');
    const asked = await cli('remove', '--label', 'set=d1', '--status', 'completed');
    assert.equal(asked.code, 2);
    assert.match(
      asked.stderr,
      /2 completed operations match\. Nobody can read them any more then\. Not a terminal: pass --yes to remove them/,
    );
    const done = await cli('remove', '--label', 'set=d1', '--status', 'completed', '--yes');
    assert.match(done.stderr, /^Removing: 2 completed operations\.\n/);
    assert.deepEqual(JSON.parse(done.stdout), { matched: 2, changed: 2, skipped: 0, failed: 0 });
    assert.equal((await cli('status', good[0] ?? '')).code, 5);
    const one = await cli('remove', ids[0] ?? '');
    assert.deepEqual(one, { code: 0, stdout: `${ids[0]} removed\n`, stderr: '' });
    assert.equal((await cli('remove', ids[0] ?? '')).code, 5);
    const rest = await cli('remove', '--label', 'set=d1', '--yes', '-q');
    assert.deepEqual(JSON.parse(rest.stdout), { matched: 1, changed: 1, skipped: 0, failed: 0 });
    const none = await cli('remove', '--label', 'set=d1', '--yes');
    assert.equal(none.stderr, 'No failed operation matches.\n');
  });

  it('remove leaves what has not finished', async () => {
    const [id = ''] = await submitted('held', 'd2', 1);
    const { code, stderr } = await cli('remove', id);
    assert.equal(code, 8);
    assert.match(
      stderr,
      /is still \w+: only what has finished can be removed\.\nStop it: npx raincheck cancel op_/,
    );
    assert.equal((await k.engine.read({ id, tenant: '' })).cancelRequestedAt, null);
    assert.equal((await cli('cancel', id)).code, 0);
  });

  it('says so where a task that is named is not there, and nothing else', async () => {
    const lists = [['list'], ['errors'], ['cancel'], ['retry'], ['remove', '--dry-run']];
    for (const args of lists) {
      const meant = await cli(...args, '--task', 'brokn');
      assert.equal(meant.code, 0, meant.stderr);
      assert.match(meant.stderr, /There is no task `brokn`\. Did you mean `broken`\?\n$/);
    }
    const far = await cli('list', '--task', 'zzz');
    assert.match(far.stderr, /^There is no task `zzz`\. Tasks here: .*\bbroken\b.*\.\n$/);
    const quiet = await cli('list', '--task', 'zzz', '-q');
    assert.deepEqual(quiet, { code: 0, stdout: '', stderr: '' });
    for (const task of ['nothing', 'webhooks.redrive']) {
      const none = await cli('list', '--task', task, '--until', '30d');
      assert.deepEqual(none, { code: 0, stdout: '', stderr: '' });
    }
  });

  it('does nothing without being told to what', async () => {
    const cases: [string[], RegExp][] = [
      [['cancel'], /Name an operation, or say --all or a filter/],
      [['retry', '--yes'], /Name an operation, or say --all or a filter/],
      [['cancel', 'op_01M8A4E8X49JM2HXDQY4JRYS45', '--all'], /not both/],
      [['retry', 'op_01M8A4E8X49JM2HXDQY4JRYS45', '--yes'], /not both/],
      [['retry', '--all', '--task', 'x'], /--all or a filter, not both/],
      [['retry', '--all', '--input', '{}'], /--input is for one operation/],
      [['cancel', '--status', 'failed'], /pending, processing/],
      [['cancel', '--error', 'x'], /Unknown option/],
      [['retry', '--kind', 'nosuch'], /--kind: expected one that `npx raincheck errors` lists/],
      [['retry', '--task', 'x', '-n', '0', '--yes'], /\n {4}limit {2}\S/],
      [['retry', '--where', 'a.0=1', '--yes'], /\n {4}filter\.input\.a\\\.0 {2}\S/],
    ];
    const runs = await Promise.all(cases.map(([args]) => cli(...args)));
    for (const [i, { code, stderr }] of runs.entries()) {
      assert.equal(code, 2, stderr);
      assert.match(stderr, cases[i]![1]);
    }
  });
});
