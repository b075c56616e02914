import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCli } from '../../test/support/run-cli.ts';
import { scriptedServer } from '../../test/support/scripted-server.ts';

const commands: readonly (readonly [args: readonly string[], one: string, many: string])[] = [
  [['cancel'], 'operation', 'operations'],
  [['retry'], 'operation', 'operations'],
  [['remove'], 'failed operation', 'failed operations'],
  [['dlq', 'retry'], 'dead letter', 'dead letters'],
  [['dlq', 'discard'], 'dead letter', 'dead letters'],
];

describe('every command for all that a filter finds', () => {
  for (const [args, one, many] of commands) {
    it(`${args.join(' ')} counts, asks and finds nothing as the others do`, async () => {
      let answer = {};
      await using server = await scriptedServer(() => ({ status: 200, body: answer }));
      const run = (...flags: string[]) => runCli([...args, '--all', ...flags], server);
      const counted = async (count: number, more: boolean) => {
        answer = { dry_run: true, count, more, count_complete: !more, sample: [] };
        return (await run('--dry-run')).stdout;
      };
      assert.equal(await counted(1, false), `1 ${one}\n`);
      assert.equal(await counted(1_204, false), `1,204 ${many}\n`);
      assert.equal(await counted(10_000, true), `at least 10,000 ${many}\n`);
      const asked = await run();
      assert.equal(asked.code, 2);
      const verb = args.at(-1);
      assert.ok(asked.stderr.includes(`At least 10,000 ${many} match.`), asked.stderr);
      assert.ok(asked.stderr.includes(`pass --yes to ${verb} them, --dry-run to only count.`));
      await counted(0, false);
      assert.deepEqual(await run(), { code: 0, stdout: '', stderr: `No ${one} matches.\n` });
      const json = await run('-y', '--json');
      assert.deepEqual(JSON.parse(json.stdout), answer);
      assert.equal(json.stderr, '');
    });
  }
});
