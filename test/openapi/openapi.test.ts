import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ServerProcess } from '../e2e/server-process.ts';

/**
 * The documents of a running server as other people's tools see them: `redocly lint` over both
 * (redocly.yaml), and `redocly respect`, which runs the workflows of the Arazzo document and checks
 * each answer against the OpenAPI document.
 */
const config = path.join(import.meta.dirname, 'openapi.config.ts');
const rules = path.join(import.meta.dirname, 'redocly.yaml');
const redocly = path.join(import.meta.dirname, '../../node_modules/@redocly/cli/bin/cli.js');
const token = 'rck_of-the-openapi-test';

type Step = {
  stepId: string;
  status: string;
  response?: { statusCode: number; body: unknown };
};
type Told = { files: Record<string, { executedWorkflows: { executedSteps: Step[] }[] }> };

for (const secured of [false, true]) {
  describe(`The documents of a server ${secured ? 'with' : 'without'} a token`, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-openapi-'));
    const environment = secured ? { RAINCHECK_TOKEN: token } : {};
    const args = ['serve', '--config', config, '--store', 'memory:', '--port', '0'];
    let server: ServerProcess;
    let url = '';

    before(async () => {
      server = new ServerProcess([...args, '--base-path', '/ops'], { env: environment });
      url = await server.url();
      for (const name of ['openapi.json', 'arazzo.json']) {
        const answer = await fetch(`${url}/${name}`, {
          headers: secured ? { authorization: `Bearer ${token}` } : {},
        });
        assert.equal(answer.status, 200);
        writeFileSync(path.join(folder, name), await answer.text());
      }
    });
    after(async () => {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Runs one workflow; returns its steps as the runner reports them. */
    const respect = async (workflow: string): Promise<{ code: number; steps: Step[] }> => {
      const file = path.join(folder, `${workflow}.json`);
      const { code, output } = await run(folder, [
        'respect',
        'arazzo.json',
        `--workflow=${workflow}`,
        `--json-output=${file}`,
        `--server=raincheck=${url}`,
        ...(secured ? [`--input=token=${token}`] : []),
      ]);
      assert.ok(existsSync(file), output);
      const told = JSON.parse(readFileSync(file, 'utf8')) as Told;
      const [{ executedSteps: steps }] = told.files['arazzo.json']!.executedWorkflows as [
        Told['files'][string]['executedWorkflows'][number],
      ];
      return { code, steps };
    };

    it('are clean to the linter', async () => {
      const files = ['openapi.json', 'arazzo.json'];
      const { code, output } = await run(folder, ['lint', '--config', rules, ...files]);
      assert.equal(code, 0, output);
      assert.match(output, /descriptions are valid/);
    });

    it('are not clean when an operation is nowhere', async () => {
      const text = readFileSync(path.join(folder, 'arazzo.json'), 'utf8');
      const broken = text.replaceAll('"stepId":"poll"', '"stepId":"submit"');
      writeFileSync(path.join(folder, 'broken.json'), broken);
      const { code } = await run(folder, ['lint', '--config', rules, 'broken.json']);
      assert.equal(code, 1);
    });

    for (const [workflow, result] of [
      ['run_small_sum', { sum: 3 }],
      ['run_slow', 'a,b\n1,2\n'],
      ['run_nested', 'text'],
    ] as const) {
      it(`lead ${workflow} to its result`, async () => {
        const { code, steps } = await respect(workflow);
        const names = steps.map(({ stepId }) => stepId);
        assert.equal(code, 0, JSON.stringify(steps));
        assert.deepEqual([...new Set(names)], ['submit', 'poll', 'result']);
        if (workflow === 'run_slow') assert.ok(names.length > 3, 'it had to look twice');
        assert.deepEqual(steps.at(-1)?.response?.body, result);
      });
    }

    it('end run_doomed at the look that finds it failed', async () => {
      const { code, steps } = await respect('run_doomed');
      assert.equal(code, 1);
      assert.equal(steps[0]?.status, 'success');
      const { stepId, response } = steps.at(-1)!;
      assert.equal(stepId, 'poll');
      assert.equal((response!.body as { status: string }).status, 'failed');
    });
  });
}

function run(folder: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  const env = { ...process.env, NO_COLOR: '1', REDOCLY_TELEMETRY: 'off', CI: 'true' };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [redocly, ...args],
      { cwd: folder, env: { ...env, REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
      (error, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), output: `${stdout}${stderr}` }),
    );
  });
}
