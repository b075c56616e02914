import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCli, startCli } from '../../test/support/run-cli.ts';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { completed, sampleId, wireTask } from '../../test/support/wire-samples.ts';
import type { WireLogLine, WireOperation } from '../core/wire-operation.ts';
import type { WireTask } from '../core/wire-server.ts';
import { createEngine } from '../engine/create-engine.ts';
import { TaskError } from '../core/errors.ts';
import { defineTask } from '../engine/define-task.ts';
import type { Engine } from '../engine/engine.ts';
import { file } from '../engine/file.ts';
import { createApp } from '../http/app.ts';
import { createHttpServer } from '../http/node-server.ts';
import { memoryStore } from '../store-memory/memory-store.ts';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { z } from 'zod';

/** The real engine and HTTP API in this process, the command line as processes beside it. */
const token = 'a-token-for-tests';
const pdf = '%PDF-1.7\n'.repeat(1000);

const tasks = [
  defineTask('echo', {
    input: z.object({
      seconds: z.number().min(1).max(60).optional(),
      name: z.string(),
      range: z.object({ days: z.number() }).optional(),
    }),
    redact: ['input.range.days'],
    run: ({ input }) => ({ echoed: input }),
  }),
  defineTask('hang', {
    run: ({ signal, progress }) => {
      progress({ current: 1, total: 4 }, 'a quarter\u001b[2J');
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    },
  }),
  defineTask('flaky', {
    attempts: 2,
    retry: { base: '10ms' },
    run: () => Promise.reject(new Error('UpstreamError 503')),
  }),
  defineTask('hopeless', {
    attempts: 2,
    run() {
      throw new TaskError('No such region', { retryable: false });
    },
  }),
  defineTask('talker', {
    attempts: 2,
    retry: { base: '10ms' },
    run: ({ log, attempt }) => {
      log.info('one', { rows: 3 });
      log.warn('two\nthree\u001b[2J');
      if (attempt === 1) throw new Error('again');
    },
  }),
  defineTask('slow', {
    timeout: '20ms',
    attempts: 1,
    run: ({ signal }) => sleep(60_000, 0, { signal }),
  }),
  defineTask('report', {
    path: '/make/report',
    description: 'Makes a PDF.',
    run: () => file(pdf, { type: 'application/pdf', name: 'sales.pdf' }),
  }),
];

let engine: Engine;
let server: Server;
let url = '';
let folder = '';
const cli = (...args: string[]) => runCli(args, { url, env: { RAINCHECK_TOKEN: token } });

before(async () => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-cli-'));
  engine = createEngine({ store: memoryStore(), tasks });
  await engine.start();
  server = createHttpServer(createApp({ engine, token, version: '0.0.0' }));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
after(async () => {
  server.close();
  server.closeAllConnections();
  await engine.stop({ now: true });
  rmSync(folder, { recursive: true });
});

const idIn = (text: string): string => /op_[0-9A-Z]{26}/.exec(text)?.[0] ?? 'none';

describe('raincheck logs', () => {
  it('prints what the handlers wrote, tab-separated in a pipe, and as on the wire with --json', async () => {
    const { operation } = await engine.submit({
      task: 'talker',
      tenant: '',
      input: { value: null, text: 'null' },
    });
    const followed = await cli('logs', '-f', operation.id);
    assert.equal(followed.code, 0, followed.stderr);
    const cells = followed.stdout
      .slice(0, -1)
      .split('\n')
      .map((line) => line.split('\t'));
    assert.deepEqual(
      cells.map(([, ...rest]) => rest),
      [
        ['info', '1', 'one', '{"rows":3}'],
        ['warn', '1', 'two three', ''],
        ['info', '2', 'one', '{"rows":3}'],
        ['warn', '2', 'two three', ''],
      ],
    );
    assert.match(cells[0]![0]!, /^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/);
    const { code, stdout } = await cli('logs', operation.id, '--json');
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n');
    const first = JSON.parse(lines[0]!) as WireLogLine;
    assert.deepEqual([lines.length, first.number, first.message], [4, 1, 'one']);
  });

  it('says so when there are none, and where there is no operation', async () => {
    const done = await cli('submit', 'echo', 'name=x', '--quiet');
    const none = await cli('logs', '-f', idIn(done.stdout));
    assert.deepEqual([none.code, none.stdout, none.stderr], [0, '', 'No lines.\n']);
    assert.equal((await cli('logs', 'op_00000000000000000000000000')).code, 5);
    assert.equal((await cli('logs', 'nonsense')).code, 2);
  });
});

describe('raincheck run', () => {
  it('prints the JSON result on stdout and the story on stderr, and exits with 0', async () => {
    const { code, stdout, stderr } = await cli(
      'run',
      'echo',
      'name=7',
      'seconds=7',
      'range.days=2',
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '{"echoed":{"seconds":7,"name":"7","range":{"days":2}}}\n');
    assert.match(stderr, /^op_\w{26} processing\n/);
    assert.match(stderr, /✔ op_\w{26} completed in \d/);
    assert.match(stderr, new RegExp(`Result: ${url}/echo/op_`));
    assert.ok(!stderr.includes('\u001b'), 'no colour in a pipe');
  });

  it('takes the input from stdin and files', async () => {
    const input = path.join(folder, 'input.json');
    writeFileSync(input, '{"name":"from a file"}');
    const args = ['run', 'echo', '--quiet', '--input'];
    const env = { RAINCHECK_TOKEN: token };
    const [piped, read] = await Promise.all([
      runCli([...args, '-'], { url, env, stdin: '{"name":"piped"}' }),
      runCli([...args, `@${input}`, 'seconds=1'], { url, env }),
    ]);
    assert.deepEqual(piped, { code: 0, stdout: '{"echoed":{"name":"piped"}}\n', stderr: '' });
    assert.equal(read.stdout, '{"echoed":{"seconds":1,"name":"from a file"}}\n');
  });

  it('names the fields of an input that does not fit, and exits with 2', async () => {
    const { code, stdout, stderr } = await cli('run', 'echo', 'seconds=soon', 'range:={}');
    assert.equal(code, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /✖ Input does not fit\n/);
    assert.match(stderr, /\n {4}seconds +\S.*\n {4}name +\S.*\n {4}range\.days +\S/);
  });

  it('warns of a name that the task does not know', async () => {
    const { code, stderr } = await cli('run', 'echo', 'name=a', 'secnods:=1');
    assert.equal(code, 0);
    assert.match(stderr, /`secnods` is not a field of echo\. Did you mean `seconds`\?/);
  });

  it('says how attempts failed, and exits with 3', async () => {
    const { code, stderr } = await cli('run', 'flaky');
    assert.equal(code, 3);
    assert.match(stderr, /attempt 1 of 2 failed/);
    assert.match(
      stderr,
      /✖ op_\w+ failed after .* \(2 attempts\): task_error: UpstreamError 503\n/,
    );
    assert.match(stderr, /Try it again: npx raincheck retry op_/);
  });

  it('suggests no retry of what its task gave up', async () => {
    const { code, stderr } = await cli('run', 'hopeless');
    assert.equal(code, 3);
    assert.doesNotMatch(stderr, /Try it again/);
  });

  it('exits with 6 when the operation ran out of time', async () => {
    const { code, stderr } = await cli('run', 'slow');
    assert.equal(code, 6);
    assert.match(stderr, /failed after .*: timeout: /);
  });

  it('exits with 9 when the queue is full, after trying again', async () => {
    const full = (seconds: string) => ({
      status: 503,
      headers: { 'retry-after': seconds },
      body: { code: 'queue_full', title: 'Queue is full', detail: 'No room for more.' },
    });
    let posts = 0;
    await using server = await scriptedServer(({ method }) => {
      if (method === 'GET') return { status: 200, body: wireTask() };
      posts += 1;
      return full(posts === 1 ? '1' : '60'); // a minute is more than a person would wait
    });
    const { code, stderr } = await runCli(['run', 'countdown'], { url: server.url });
    assert.equal(code, 9);
    assert.match(stderr, /^No room for more\. Trying again in 1.*\n✖ No room for more\.\n$/);
    assert.equal(posts, 2);
  });

  it('writes the result to a file, whole, and says its size', async () => {
    const target = path.join(folder, 'out.pdf');
    const { code, stdout, stderr } = await cli('run', 'report', '-o', target);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, '');
    assert.equal(readFileSync(target, 'utf8'), pdf);
    assert.ok(stderr.includes(`Wrote ${target} (9.0 kB)`), stderr);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.endsWith('.part')),
      [],
    );
  });

  it('refuses a place for the result that cannot be, before any work', async () => {
    const target = path.join(folder, 'not-there', 'out.pdf');
    const before = (await cli('list', '--task', 'report', '--json')).stdout;
    const { code, stderr } = await cli('run', 'report', '-o', target);
    assert.equal(code, 2);
    assert.match(stderr, /There is no folder .*not-there for -o/);
    assert.equal((await cli('list', '--task', 'report', '--json')).stdout, before);
  });

  it('says how to fetch a result that could not be written after all', async () => {
    const taken = path.join(folder, 'taken');
    mkdirSync(taken);
    writeFileSync(path.join(taken, 'sales.pdf'), 'mine');
    const { code, stderr } = await cli('run', 'report', '-o', taken);
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`Fetch it again: npx raincheck result op_\\w{26} -o ${taken}`));
    assert.equal(readFileSync(path.join(taken, 'sales.pdf'), 'utf8'), 'mine');
  });

  it('gives the address of a file rather than the file', async () => {
    const { code, stdout, stderr } = await cli('run', 'report');
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^${url}/make/report/op_\\w{26}\\n$`));
    assert.match(stderr, /application\/pdf, 9\.0 kB; -o sales\.pdf writes it to a file\./);
  });

  it('is one operation a line with --json', async () => {
    const { code, stdout, stderr } = await cli('run', 'flaky', '--json');
    assert.equal(code, 3);
    assert.equal(stderr, '');
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as WireOperation);
    assert.equal(lines[0]?.status, 'processing');
    assert.equal(lines.at(-1)?.status, 'failed');
    assert.equal(lines.at(-1)?.error?.code, 'task_error');
  });

  it('exits with 8 at --timeout, and the operation keeps running', async () => {
    const { code, stderr } = await cli('run', 'hang', '--timeout', '200ms');
    assert.equal(code, 8);
    assert.match(stderr, /is still processing; it keeps running/);
    const id = idIn(stderr);
    assert.equal((await engine.read({ id, tenant: '' })).state, 'running');
    const cancelled = await cli('cancel', id);
    assert.equal(cancelled.code, 0, cancelled.stderr);
    assert.equal((await cli('wait', id)).code, 7);
  });

  it('detaches at Ctrl-C, also when it comes twice, and says how to go on', async () => {
    const run = startCli(['run', 'hang', '--url', url], { env: { RAINCHECK_TOKEN: token } });
    await run.told(/ processing\n/);
    run.child.kill('SIGINT');
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    assert.equal(code, 130);
    const id = idIn(stderr);
    assert.ok(
      stderr.endsWith(
        `Detached. The operation keeps running.   npx raincheck wait ${id} --url ${url}   |   ` +
          `npx raincheck cancel ${id} --url ${url}\n`,
      ),
      stderr,
    );
    assert.equal((await engine.read({ id, tenant: '' })).state, 'running');
  });

  it('gives the same operation for the same idempotency key', async () => {
    const args = ['submit', 'echo', 'name=once', '--idempotency-key', 'k1', '--label', 'team=acme'];
    const first = await cli(...args);
    const second = await cli(...args);
    assert.equal(first.stdout, second.stdout);
    assert.match(second.stderr, /was accepted before under this idempotency key/);
  });
});

describe('the other commands', () => {
  it('submit prints the id, wait and result the result, status the state', async () => {
    const submitted = await cli('submit', 'echo', 'name=a', '--label', 'run=1', '--priority', '5');
    assert.match(submitted.stdout, /^op_\w{26}\n$/);
    const id = submitted.stdout.trim();
    const waited = await cli('wait', `${url}/operations/${id}`);
    assert.equal(waited.stdout, '{"echoed":{"name":"a"}}\n');
    const [status, result, json, list] = await Promise.all([
      cli('status', id),
      cli('result', id),
      cli('status', id, '--json'),
      cli('list', '--label', 'run=1', '--since', '1h'),
    ]);
    assert.match(status.stdout, /^operation +op_.*\ntask +echo\nstatus +completed/);
    assert.match(status.stdout, /\nlabels +run=1\n/);
    assert.equal(result.stdout, '{"echoed":{"name":"a"}}\n');
    assert.equal((JSON.parse(json.stdout) as WireOperation).priority, 5);
    const found = await cli('list', '--search', id);
    assert.equal(found.stdout, list.stdout);
    const where = await cli('list', '--where', 'name=a', '--label', 'run=1');
    assert.equal(where.stdout, list.stdout);
    assert.equal((await cli('list', '--where', 'name=x', '--label', 'run=1')).stdout, '');
    assert.match((await cli('list', '--where', 'name')).stderr, /Expected --where path=value/);
    assert.match(list.stdout, new RegExp(`^${id}\techo\tcompleted\t[\\dT:.-]+Z\t\\n$`));
  });

  it('result sends a file into a pipe as it is', async () => {
    const id = idIn((await cli('run', 'report', '--json')).stdout);
    assert.equal((await cli('result', id)).stdout, pdf);
  });

  it('retry makes a new operation of a failed one only', async () => {
    const id = idIn((await cli('run', 'flaky', '-q')).stderr);
    const again = await cli('retry', id, '--json');
    assert.equal((JSON.parse(again.stdout) as WireOperation).retry_of, id);
    const done = idIn((await cli('run', 'echo', 'name=b', '--json')).stdout);
    const refused = await cli('retry', done);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /Only a failed operation can be retried; op_\w+ is completed/);
    const held = (await cli('submit', 'hang')).stdout.trim();
    const early = await cli('retry', held);
    assert.deepEqual([early.code, early.stdout], [8, '']);
    assert.match(
      early.stderr,
      /is still \w+: only what has failed can be retried\.\nnpx .* wait op_/,
    );
    const json = await cli('retry', held, '--json');
    assert.equal((JSON.parse(json.stdout) as WireOperation).id, held);
    assert.equal((await cli('cancel', held)).code, 0);
  });

  it('tasks lists them and tells the fields of one', async () => {
    const [all, one] = await Promise.all([cli('tasks'), cli('tasks', 'echo')]);
    assert.match(all.stdout, /(^|\n)report\t\/make\/report\tactive\t0\t0\tMakes a PDF\.\n/);
    assert.match(one.stdout, /\n {2}redacts {3}input\.range\.days\n/);
    assert.match(one.stdout, /name +string +required/);
    assert.match(one.stdout, /seconds +number +optional +min 1, max 60\n/);
  });

  it('pause holds the operations of a task back, whoever follows one hears why, and resume lets them go', async () => {
    const quiet = await cli('pause', 'echo', '--quiet');
    assert.deepEqual(quiet, { code: 0, stdout: '', stderr: '' });
    const json = await cli('pause', 'echo', '--json', '--quiet');
    assert.equal((JSON.parse(json.stdout) as WireTask).paused, true);
    assert.equal(json.stderr, '');
    const paused = await cli('pause', 'echo');
    assert.equal(paused.stdout, 'echo paused; 0 waiting, 0 running to the end\n');
    assert.match(paused.stderr, /^Let it go on: npx raincheck resume echo\n$/);
    const run = startCli(['run', 'echo', 'name=held', '--url', url], {
      env: { RAINCHECK_TOKEN: token },
    });
    await run.told(/ pending\n.* waits: its task is paused\nLet it go on: .*\n/);
    const hint = `npx raincheck resume echo --url ${url}\n`;
    const id = (await cli('list', '--task', 'echo', '-n', '1')).stdout.split('\t')[0] ?? '';
    const status = await cli('status', id);
    assert.match(
      status.stderr,
      /^It waits: its task is paused\. Let it go on: npx raincheck resume echo\n$/,
    );
    const submitted = await cli('submit', 'echo', 'name=too');
    assert.match(submitted.stderr, /\nIt waits: its task is paused\. /);
    const resumed = await cli('resume', 'echo');
    assert.match(resumed.stdout, /^echo active; \d waiting\n$/);
    const { code, stdout, stderr } = await run.ended;
    assert.equal(code, 0);
    assert.equal(stdout, '{"echoed":{"name":"held"}}\n');
    assert.ok(stderr.includes(hint), stderr);
    const unknown = await cli('pause', 'ecko');
    assert.equal(unknown.code, 5);
    assert.match(unknown.stderr, /Did you mean `echo`\?/);
  });

  it('list --json is one operation a line, over pages', async () => {
    const { stdout } = await cli('list', '--json', '-n', '3');
    const ids = stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as WireOperation).id);
    assert.equal(new Set(ids).size, 3);
  });
});

describe('what goes wrong', () => {
  it('suggests the task, the command and the option that was meant', async () => {
    const [task, command, option] = await Promise.all([
      cli('run', 'ecko'),
      cli('rum', 'echo'),
      cli('run', 'echo', '--timout=3s'),
    ]);
    assert.equal(task.code, 5);
    assert.match(task.stderr, /There is no task `ecko`\. Did you mean `echo`\?/);
    assert.equal(command.code, 2);
    assert.match(command.stderr, /Did you mean run\?/);
    assert.equal(option.code, 2);
    assert.match(option.stderr, /Did you mean --timeout\?/);
  });

  it('tells a wrong command line as all errors are told, and where to read more', async () => {
    const [prose, json, none] = await Promise.all([
      cli('run', 'echo', '--timeout=soon'),
      cli('rum', '--json'),
      cli('--json'),
    ]);
    assert.match(
      prose.stderr,
      /^✖ Option '--timeout <time>' .*\n  See: npx raincheck run --help\n$/,
    );
    const { error } = JSON.parse(json.stderr) as { error: Record<string, unknown> };
    const detail = "Unknown command 'rum'. Did you mean run?";
    assert.deepEqual(error, { code: 'usage', detail, exit_code: 2 });
    assert.equal(none.code, 2);
    assert.match(none.stderr.trimEnd().split('\n').at(-1) ?? '', /^\{"error":\{"code":"usage"/);
  });

  it('names the address, the variable or the id that makes no sense', async () => {
    const env = { RAINCHECK_TOKEN: token };
    const [flag, variable, id, path, https] = await Promise.all([
      cli('tasks', '--url', 'foo'),
      runCli(['tasks'], { url: 'xyz', env }),
      cli('status', 'garbage'),
      runCli(['run', 'echo'], { url: `${url}/wrong`, env }),
      runCli(['tasks'], { url: url.replace('http:', 'https:'), env }),
    ]);
    assert.deepEqual([flag.code, variable.code, id.code, path.code], [2, 2, 2, 5]);
    assert.match(flag.stderr, /Expected --url to be/);
    assert.match(variable.stderr, /Expected RAINCHECK_URL to be/);
    assert.match(id.stderr, /'garbage' is not an operation id/);
    assert.ok(path.stderr.includes(`${url}/wrong`), path.stderr);
    assert.match(https.stderr, /does not speak https/);
  });

  it('exits with 4 without the token, and never takes it as an argument', async () => {
    const [without, argument] = await Promise.all([
      runCli(['list'], { url }),
      runCli(['list', '--token', token], { url }),
    ]);
    assert.equal(without.code, 4);
    assert.match(without.stderr, /RAINCHECK_TOKEN/);
    assert.equal(argument.code, 2);
    assert.ok(!argument.stderr.includes(token));
    const tokenFile = path.join(folder, 'token');
    writeFileSync(tokenFile, `${token}\n`);
    assert.equal((await runCli(['list', '--token-file', tokenFile], { url })).code, 0);
  });

  it('exits with 5 when there is no such operation', async () => {
    const { code, stderr } = await cli('status', 'op_01M833QKVJTQ91318PAAN2267W', '--json');
    assert.equal(code, 5);
    const { error } = JSON.parse(stderr) as { error: Record<string, unknown> };
    assert.equal(error['code'], 'operation_not_found');
    assert.equal(error['exit_code'], 5);
  });

  it('says at once that no server is there, and what to do', async () => {
    const { code, stderr } = await runCli(['run', 'echo', 'name=a']);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /No Raincheck server answers at http:\/\/127\.0\.0\.1:1 .*\n.*npx raincheck dev/,
    );
  });

  it('follows through a restart of the server', async () => {
    const script = [
      { status: 200, body: { ...completed(0), status: 'processing', result_url: null } } as const,
      'hang up' as const,
      { status: 502, body: 'bad gateway' } as const,
      { status: 200, body: completed('after all') } as const,
    ];
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const { code, stdout, stderr } = await runCli(['wait', sampleId], { url: server.url });
    assert.equal(code, 0);
    assert.equal(stdout, '"after all"\n');
    assert.match(stderr, /No answer from .* Trying again in /);
  });

  it('lets nothing of a server steer the terminal', async () => {
    await using server = await scriptedServer(() => ({
      status: 404,
      body: {
        code: 'operation_not_found',
        title: 'x',
        detail: 'gone\u001b]0;owned\u0007\u001b[2J',
      },
    }));
    const { stderr } = await runCli(['status', sampleId], { url: server.url });
    assert.equal(stderr, '✖ gone\n');
  });

  it('ends quietly when the reader of its output went away', async () => {
    const run = startCli(['list', '--json'], { url, env: { RAINCHECK_TOKEN: token } });
    run.child.stdout?.destroy();
    const { stderr } = await run.ended;
    assert.equal(stderr, '');
  });

  it('answers `help` as it does --help, since asking is no error', async () => {
    const asked = await cli('help', 'run');
    assert.equal(asked.code, 0);
    assert.equal(asked.stdout, (await cli('run', '--help')).stdout);
    assert.equal((await cli('help')).code, 0);
    assert.equal((await cli()).code, 2);
  });

  it('shows help with the exit codes, on stdout', async () => {
    const { code, stdout } = await cli('--help');
    assert.equal(code, 0);
    assert.match(stdout, /Exit codes:\n {4}0 {2}done\n/);
    assert.match(stdout, / 130 {2}Ctrl-C/);
  });
});
