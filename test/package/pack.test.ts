import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  packageEnvironment,
  packedPackage,
  runIn,
  type PackedPackage,
} from '../support/packed-package.ts';

const root = path.join(import.meta.dirname, '..', '..');
const olderNode = findOlderNode();

/**
 * The package as a user gets it: built and packed from a copy, unpacked as node_modules/raincheck
 * of an empty project. Its dependencies are ours, so the test needs no network.
 */
describe('the packed package', () => {
  let packed: PackedPackage;
  let project = '';
  let files: readonly string[] = [];

  before(() => {
    packed = packedPackage();
    const { folder } = packed;
    files = packed.files;
    project = path.join(folder, 'project');
    mkdirSync(path.join(project, 'node_modules'), { recursive: true });
    run('tar', ['-xzf', packed.tarball, '-C', folder], folder);
    symlinkDependencies(path.join(project, 'node_modules'));
    cpSync(path.join(folder, 'package'), path.join(project, 'node_modules/raincheck'), {
      recursive: true,
    });
    mkdirSync(path.join(project, 'node_modules/.bin'));
    symlinkSync('../raincheck/bin/raincheck.js', path.join(project, 'node_modules/.bin/raincheck'));
  });
  after(() => packed.remove());

  /**
   * Links dependencies as npm would install them for a user: beside the package, without our
   * development dependencies.
   */
  function symlinkDependencies(target: string): void {
    const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    for (const [place, { dev = false }] of Object.entries(packages)) {
      if (dev || !/^node_modules\/(?:@[^/]+\/)?[^/]+$/.test(place)) continue;
      const bare = place.slice('node_modules/'.length);
      mkdirSync(path.dirname(path.join(target, bare)), { recursive: true });
      symlinkSync(path.join(root, place), path.join(target, bare));
    }
  }

  it('holds what is run and nothing that only developers need', () => {
    for (const file of [
      'bin/raincheck.js',
      'dist/index.js',
      'dist/index.d.ts',
      'dist/client.js',
      'dist/react.js',
      'dist/store.js',
      'dist/store.d.ts',
      'dist/testing.js',
      'dist/cli/main.js',
      'dist/examples/reports/raincheck.config.js',
      'dist/examples/reports/sales.csv',
      'examples/reports/reports.ts',
      'LICENSE',
    ]) {
      assert.ok(files.includes(file), `${file} is missing`);
    }
    const unwanted = files.filter((file) =>
      /\.test\.|\.fixture\.|\.bench\.|^src\/|^test\//.test(file),
    );
    assert.deepEqual(unwanted, []);
  });

  it('holds what README and the documents link to', () => {
    const documents = files.filter((file) => /^(?:README|docs\/[\w-]+)\.md$/.test(file));
    assert.ok(documents.includes('docs/webhooks.md'), 'messages of ours name it');
    const dead = documents.flatMap((file) => {
      const text = readFileSync(path.join(project, 'node_modules/raincheck', file), 'utf8');
      return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)]
        .map(([, link = '']) => path.join(path.dirname(file), link))
        .filter((target) => !files.includes(target))
        .map((target) => `${file}: ${target}`);
    });
    assert.deepEqual(dead, []);
  });

  it('resolves no import to a .ts file', () => {
    // `init` writes such an import into a project.
    const built = files.filter((file) => /^dist\/(?!cli\/init\.js).*\.js$/.test(file));
    const left = built.filter((file) => {
      const text = readFileSync(path.join(project, 'node_modules/raincheck', file), 'utf8');
      return /(?:from|import\() ?['"]\.[^'"]*\.ts['"]/.test(text);
    });
    assert.deepEqual(left, []);
  });

  it('runs a task of a project that has it installed', () => {
    const program = `
      import { defineTask, raincheck } from 'raincheck';
      const add = defineTask('add', { run: ({ input }) => input.a + input.b });
      const rc = raincheck({ tasks: [add], store: 'sqlite:add.db' });
      const response = await rc.fetch(new Request('http://localhost/add', {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=20' },
        body: '{"a":1,"b":2}',
      }));
      console.log(response.status, await response.text());
      await rc.stop();
    `;
    writeFileSync(path.join(project, 'add.mjs'), program);
    assert.equal(run('node', ['add.mjs'], project), '200 3\n');
  });

  it('gives its other entries, without what only our own tests need', () => {
    assert.throws(() => run('node', ['-e', "require.resolve('fast-check')"], project));
    const program = `
      import { createClient, isFinal, ProblemError } from 'raincheck/client';
      import { decide, newOperation } from 'raincheck/store';
      import { exerciseStore, faultyStore, ManualClock, memoryStore } from 'raincheck/testing';
      createClient({ baseUrl: 'http://127.0.0.1:7333' });
      exerciseStore({
        name: 'the packed store',
        open: async () => {
          const store = memoryStore();
          return { store, close: () => store.close() };
        },
      });
    `;
    writeFileSync(path.join(project, 'entries.test.mjs'), program);
    const output = run('node', ['--test', '--test-reporter=tap', 'entries.test.mjs'], project);
    assert.match(output, /^# pass [1-9]\d+$/m);
    assert.match(output, /^# fail 0$/m);
  });

  it('says its version and helps from its bin', () => {
    const bin = path.join(project, 'node_modules/raincheck/bin/raincheck.js');
    const { version, engines } = JSON.parse(
      readFileSync(path.join(root, 'package.json'), 'utf8'),
    ) as { version: string; engines: { node: string } };
    const nodeMin = engines.node.slice('>='.length).split('.').join(', ');
    assert.ok(readFileSync(bin, 'utf8').includes(`const nodeMin = [${nodeMin}];`), nodeMin);
    assert.ok(run('node', [bin, '--version'], project).includes(version));
    assert.match(run('node', [bin, 'doctor'], project), /reports, countdown, flaky, noop, spin/);
  });

  const needed =
    /Error: Raincheck needs Node 24\.15\.0 or newer; this is [\d.]+\. .*npm install node@24/m;
  const entries = ['raincheck', 'raincheck/testing'];
  it('says which Node it needs where one has no SQLite, in a line', () => {
    for (const [node, flags] of [
      [process.execPath, ['--no-experimental-sqlite']],
      ...(olderNode === null ? [] : [[olderNode, []] as const]),
    ] as const) {
      const programs = entries.flatMap((entry) => [
        ['--input-type=module', '-e', `import '${entry}'`],
        ...(node === olderNode ? [] : [['-e', `require('${entry}')`]]),
      ]);
      for (const program of programs) {
        const run = spawnSync(node, [...flags, ...program], { cwd: project, encoding: 'utf8' });
        assert.equal(run.status, 1);
        assert.match(run.stderr, needed);
        assert.doesNotMatch(run.stderr, /^ {4}at /m);
      }
    }
  });

  it(
    'says so from its bin, and its client works there',
    { skip: olderNode === null && 'no Node without SQLite on this machine' },
    () => {
      const bin = path.join(project, 'node_modules/raincheck/bin/raincheck.js');
      const cli = spawnSync(olderNode ?? '', [bin, 'dev'], { cwd: project, encoding: 'utf8' });
      assert.equal(cli.status, 1);
      assert.match(cli.stderr, /^raincheck needs Node 24\.15\.0 or newer; this is .*\n$/);
      const program =
        "import { createClient } from 'raincheck/client'; console.log(typeof createClient)";
      const args = ['--input-type=module', '-e', program];
      assert.equal(run(olderNode ?? '', args, project), 'function\n');
    },
  );

  it('names in hints the command that it was started with', () => {
    const bin = path.join(project, 'node_modules/.bin');
    assert.match(
      run('npx', ['--no', 'raincheck', 'run', '--help'], project),
      /^Usage: npx raincheck run /,
    );
    const onPath = `PATH="${bin}:$PATH" raincheck run --help`;
    assert.match(run('bash', ['-c', onPath], project), /^Usage: raincheck run /);
  });

  it('serves its example without zod and pdfkit: threads run, and the PDF says what it needs', () => {
    for (const name of ['zod', 'pdfkit']) {
      assert.throws(() => run('node', ['-e', `require.resolve('${name}')`], project));
    }
    const program = `
      import { raincheck } from 'raincheck';
      import config from './node_modules/raincheck/dist/examples/reports/raincheck.config.js';
      const rc = raincheck({ tasks: config.tasks, store: 'memory:' });
      const post = async (path, input) => {
        const response = await rc.fetch(new Request('http://localhost' + path, {
          method: 'POST',
          headers: { 'content-type': 'application/json', prefer: 'wait=30' },
          body: JSON.stringify(input),
        }));
        return [response.status, await response.json()];
      };
      const spin = await post('/spin', { seconds: 0.1 });
      const wrong = await post('/spin', { seconds: 'many' });
      const report = await post('/reports', {
        type: 'sales_summary',
        date_range: '2026-01-01..2026-01-31',
      });
      await rc.stop();
      console.log(JSON.stringify({ spin, wrong, report }));
    `;
    writeFileSync(path.join(project, 'example.mjs'), program);
    const told = JSON.parse(run('node', ['example.mjs'], project).split('\n').at(-2) ?? '') as {
      readonly [name: string]: [number, { turns?: number; code?: string; detail?: string }];
    };
    assert.ok((told['spin']?.[1].turns ?? 0) > 0, JSON.stringify(told));
    assert.equal(told['wrong']?.[1].code, 'validation_failed');
    assert.match(told['report']?.[1].detail ?? '', /npm install pdfkit/);
  });

  it('ends with the npx that started it, which tells only its shell to stop', async () => {
    const args = ['--no', 'raincheck', 'listen', '--port', '0', '--json'];
    const npx = spawn('npx', args, {
      cwd: project,
      env: packageEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Both processes hold the pipe, which closes when the last of them has ended.
    const closed = once(npx.stdout, 'close');
    let output = '';
    npx.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    await once(npx.stdout, 'data');
    assert.match(output, /"kind":"listening"/);
    npx.kill('SIGTERM');
    await closed;
    assert.match(output, /"kind":"summary"/);
  });
});

/** A Node without node:sqlite, that is, older than 22.5; null: there is none on the PATH. */
function findOlderNode(): string | null {
  const hasNone = "process.exit(process.getBuiltinModule?.('node:sqlite') === undefined ? 0 : 1)";
  const files = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((at) => path.join(at, 'node'));
  return files.find((file) => spawnSync(file, ['-e', hasNone]).status === 0) ?? null;
}

function run(command: string, args: string[], cwd: string): string {
  return runIn(cwd, command, args);
}
