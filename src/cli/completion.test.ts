import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { runCli } from '../../test/support/run-cli.ts';
import { scriptedServer, type Scripted, type Seen } from '../../test/support/scripted-server.ts';
import { sampleId, wireOperation, wireTask } from '../../test/support/wire-samples.ts';

const schema = {
  type: 'object',
  properties: {
    type: { enum: ['sales_summary', 'top_products'], description: 'Which report.' },
    date_range: { type: 'string' },
  },
};

function answer({ path }: Seen): Scripted {
  if (path.startsWith('/tasks')) {
    const tasks = [wireTask({ name: 'reports', input_schema: schema }), wireTask({ name: 'noop' })];
    return { status: 200, body: { tasks } };
  }
  return { status: 200, body: { operations: [wireOperation()], next_cursor: null } };
}

describe('completion', () => {
  it('knows commands, options and what options may be', async () => {
    const complete = async (...words: string[]) =>
      (await runCli(['__complete', '--', ...words])).stdout.split('\n').slice(0, -1);
    const [cancel, ...others] = await complete('ca');
    assert.match(cancel ?? '', /^cancel\task an operation to stop/);
    assert.deepEqual(others, []);
    assert.deepEqual(await complete('list', '--status', 'p'), ['pending', 'processing']);
    assert.deepEqual(await complete('list', '--status=pe'), ['--status=pending']);
    assert.match((await complete('webhooks', 'rem')).join(), /^remove\t[^\t]+$/);
    assert.deepEqual(await complete('serve', '--config', ''), [':files']);
    assert.ok((await complete('run', '--pri')).some((line) => line.startsWith('--priority\t')));
    assert.ok(!(await complete('')).some((line) => line.startsWith('__')));
  });

  it('asks the server for tasks, the fields of their inputs, and operations', async () => {
    await using server = await scriptedServer(answer);
    const complete = async (...words: string[]) => {
      const run = await runCli(['__complete', '--', ...words], { url: server.url });
      return run.stdout.split('\n').slice(0, -1);
    };
    assert.deepEqual(await complete('run', ''), ['reports', 'noop']);
    assert.deepEqual(await complete('run', 'reports', ''), [
      'type=\tWhich report.',
      'type=sales_summary',
      'type=top_products',
      'date_range=',
    ]);
    assert.deepEqual(await complete('run', '-i', '{}', 'reports', 'type=x', ''), ['date_range=']);
    const { task, status } = wireOperation();
    assert.deepEqual(await complete('status', 'op_'), [`${sampleId}\t${task} ${status}`]);
    assert.deepEqual(await complete('status', sampleId, ''), []);
  });

  it('says nothing when the server does not answer', async () => {
    const run = await runCli(['__complete', '--', 'run', '']);
    assert.deepEqual([run.code, run.stdout, run.stderr], [0, '', '']);
  });

  it('works in a real bash, which takes = for the end of a word', async () => {
    await using server = await scriptedServer(answer);
    const { stdout: script } = await runCli(['completion', 'bash']);
    const program = fileURLToPath(new URL('main.ts', import.meta.url));
    const ours = `raincheck() { ${process.execPath} --conditions=raincheck-source ${program} "$@"; }`;
    const press = async (line: string): Promise<string[]> => {
      const typed = `COMP_LINE='${line}' COMP_POINT=${line.length}; _raincheck; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const env = { ...process.env, RAINCHECK_URL: server.url };
      const text = `${script}\n${ours}\n${typed}`;
      const run = await promisify(execFile)('bash', ['--norc', '-c', text], { env });
      assert.equal(run.stderr, '');
      return run.stdout.split('\n').slice(0, -1);
    };
    assert.deepEqual(await press('raincheck comp'), ['completion']);
    assert.deepEqual(await press('raincheck list --status=pe'), ['pending']);
    assert.deepEqual(await press('raincheck run reports type='), ['sales_summary', 'top_products']);
  });
});
