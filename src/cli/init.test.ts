import assert from 'node:assert/strict';
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
  mkdirSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { ServerProcess } from '../../test/e2e/server-process.ts';
import { runCli } from '../../test/support/run-cli.ts';

const root = path.join(import.meta.dirname, '..', '..');
const home = mkdtempSync(path.join(os.tmpdir(), 'raincheck-init-'));
after(() => rmSync(home, { recursive: true }));

describe('init', () => {
  it('writes a project that runs as it is', async () => {
    const folder = path.join(home, 'fresh');
    const run = await runCli(['init', folder]);
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(
      run.stdout.split('\n').map((line) => line.split(' ')[0]),
      ['package.json', '.gitignore', 'raincheck.config.ts', 'tasks/greeting.ts', ''],
    );
    assert.match(run.stderr, /npm install\n {2}npx raincheck dev\n/);
    assertBringsItsNode(folder);
    await assertGreets(folder);
  });

  const noProc = existsSync('/proc/self') ? false : 'no /proc here';
  it('says so where no folder can be made', { skip: noProc }, async () => {
    const run = await runCli(['init', '/proc/x/y']);
    assert.deepEqual([run.code, run.stdout], [2, '']);
    assert.match(run.stderr, /\/proc\/x\/y cannot be written: ENOENT/);
  });

  it('writes .mts beside the package.json of `npm init -y`, whose type is commonjs', async () => {
    const folder = path.join(home, 'commonjs');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'package.json'), '{"type":"commonjs"}');
    const run = await runCli(['init', folder]);
    assert.equal(run.code, 0, run.stderr);
    assert.deepEqual(
      run.stdout.split('\n').map((line) => line.split(' ')[0]),
      ['.gitignore', 'raincheck.config.mts', 'tasks/greeting.mts', ''],
    );
    await assertGreets(folder);
  });

  it('overwrites nothing, writes nothing when one is there, and leaves a package.json alone', async () => {
    const folder = path.join(home, 'taken');
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'package.json'), '{}');
    writeFileSync(path.join(folder, 'raincheck.config.ts'), '// mine');
    const refused = await runCli(['init'], { folder });
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /There is raincheck\.config\.ts in /);
    assert.deepEqual(readdirSync(folder).sort(), ['package.json', 'raincheck.config.ts']);
    rmSync(path.join(folder, 'raincheck.config.ts'));
    const listed = await runCli(['init', '--dry-run', '--json'], { folder });
    const files = ['.gitignore', 'raincheck.config.ts', 'tasks/greeting.ts'];
    assert.deepEqual(JSON.parse(listed.stdout).files, files);
    assert.deepEqual(readdirSync(folder), ['package.json']);
    const written = await runCli(['init'], { folder });
    assert.equal(written.code, 0);
    assert.match(written.stderr, /npm install raincheck zod/);
    assert.equal(readFileSync(path.join(folder, 'package.json'), 'utf8'), '{}');
    const again = await runCli(['init'], { folder });
    assert.match(again.stderr, /There are raincheck\.config\.ts and tasks\/greeting\.ts in /);
  });
});

/** A Node that is enough for Raincheck and that the registry has, or the clone could not have been installed. */
function assertBringsItsNode(folder: string): void {
  type Node = { node: string };
  type Manifest = { dependencies: Node; devDependencies: Node; engines: Node };
  const { dependencies, engines } = JSON.parse(
    readFileSync(path.join(folder, 'package.json'), 'utf8'),
  ) as Manifest;
  assert.equal(dependencies.node.replace('^', '>='), engines.node);
  const { node } = (JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest)
    .devDependencies;
  assert.equal(node.split('.')[0], dependencies.node.split('.')[0]);
}

/** Serves what `init` wrote into `folder`, with node_modules as an install would leave them. */
async function assertGreets(folder: string): Promise<void> {
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(root, path.join(folder, 'node_modules', 'raincheck'));
  symlinkSync(path.join(root, 'node_modules', 'zod'), path.join(folder, 'node_modules', 'zod'));
  await using server = new ServerProcess(['dev', '--ephemeral', '--port', '0'], { folder });
  const url = await server.url();
  const done = await runCli(['run', 'greeting', 'name=Al', '--quiet'], { url });
  assert.deepEqual(JSON.parse(done.stdout), { greeting: 'Hello, Al!' });
}
