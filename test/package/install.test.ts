import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packedPackage, runIn, type PackedPackage } from '../support/packed-package.ts';

const root = path.join(import.meta.dirname, '..', '..');
const npmInstall = [
  'install',
  '--prefer-offline',
  '--no-audit',
  '--no-fund',
  '--ignore-scripts',
  // A dead connection is given up after half a minute and retried, not after npm's five minutes.
  '--fetch-timeout=30000',
];

type Lock = { packages: Record<string, object> };

/**
 * The package as npm installs it from a registry into an empty project: what is installed with it,
 * which parts a program loads, whether its types are valid, and the steps for newcomers in
 * docs/library.md.
 */
describe('the installed package', () => {
  let packed: PackedPackage;
  let project = '';
  before(() => {
    packed = packedPackage();
    project = path.join(packed.folder, 'project');
    mkdirSync(project);
    const manifest = {
      name: 'shop',
      type: 'commonjs',
      dependencies: { express: '^5.0.0', react: '^19.0.0' },
      devDependencies: {
        '@types/node': '^24.0.0',
        '@types/react': '^19.0.0',
        typescript: '~5.9.3',
      },
    };
    writeFileSync(path.join(project, 'package.json'), JSON.stringify(manifest));
    runIn(project, 'npm', npmInstall);
  });
  after(() => packed.remove());

  const installed = (): Set<string> => {
    const text = readFileSync(path.join(project, 'node_modules/.package-lock.json'), 'utf8');
    const { packages } = JSON.parse(text) as Lock;
    return new Set(Object.keys(packages).map((place) => place.slice('node_modules/'.length)));
  };

  it('comes with at most 8 packages, optional ones included', () => {
    const before = installed();
    runIn(project, 'npm', [...npmInstall, packed.tarball]);
    const added = [...installed()].filter((name) => !before.has(name) && name !== 'raincheck');
    // A native part of piscina, optional: the package itself and the one for the platform, where
    // there is one.
    const native = added.filter((name) => name.startsWith('@napi-rs/nice'));
    assert.ok(added.length <= 8, added.join());
    assert.deepEqual(added.filter((name) => !native.includes(name)).toSorted(), [
      'atomic-sleep',
      'commander',
      'piscina',
      'sonic-boom',
      'undici',
    ]);
  });

  it('loads at most 8 of them, itself included, to run a task on SQLite', () => {
    const program = `
      import { registerHooks } from 'node:module';
      const loaded = new Set();
      registerHooks({
        load(url, context, next) {
          const [, name] = /.*node_modules\\/((?:@[^/]+\\/)?[^/]+)\\//.exec(url) ?? [];
          if (name !== undefined) loaded.add(name);
          return next(url, context);
        },
      });
      const { defineTask, raincheck } = await import('raincheck');
      const add = defineTask('add', { run: ({ input }) => input.a + input.b });
      const rc = raincheck({ tasks: [add], store: 'sqlite:add.db' });
      const response = await rc.fetch(new Request('http://localhost/add', {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=20' },
        body: '{"a":1,"b":2}',
      }));
      if ((await response.text()) !== '3') throw new Error('not 3');
      await rc.stop();
      console.log(JSON.stringify([...loaded].sort()));
    `;
    writeFileSync(path.join(project, 'loaded.mjs'), program);
    const loaded = JSON.parse(runIn(project, 'node', ['loaded.mjs'])) as string[];
    assert.ok(loaded.includes('raincheck') && loaded.includes('undici'), loaded.join());
    assert.ok(loaded.length <= 8, loaded.join());
  });

  it('is published as publint wants it', () => {
    runIn(packed.copy, path.join(root, 'node_modules/.bin/publint'), ['--strict']);
  });

  const compilers = {
    'TypeScript 5.9': 'node_modules/.bin/tsc',
    'TypeScript 7': path.join(root, 'node_modules/.bin/tsc'),
  };
  for (const [name, compiler] of Object.entries(compilers)) {
    it(`has types for ${name}, on a server and in a page that knows nothing of Node`, () => {
      const tsc = path.resolve(project, compiler);
      assert.ok(runIn(project, tsc, ['--version']).includes(name.replace('TypeScript', 'Version')));
      writeFileSync(path.join(project, 'server.mts'), serverProgram);
      writeFileSync(path.join(project, 'page.mts'), pageProgram);
      const common = {
        noEmit: true,
        strict: true,
        exactOptionalPropertyTypes: true,
        target: 'es2022',
      };
      const lib = ['es2022', 'dom', 'dom.iterable'];
      const bundler = { module: 'esnext', moduleResolution: 'bundler', lib, types: [] };
      const settings = { server: { module: 'nodenext', types: ['node'] }, page: bundler };
      for (const [program, own] of Object.entries(settings)) {
        const config = { compilerOptions: { ...common, ...own }, files: [`${program}.mts`] };
        writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config));
        runIn(project, tsc, ['-p', '.']);
      }
    });
  }

  it('turns a slow route of an Express app into 202 in under ten lines, as docs/library.md tells it', async () => {
    const text = readFileSync(path.join(root, 'docs/library.md'), 'utf8');
    const [, diff = ''] = /```diff newcomer\n([^]*?)```/.exec(text) ?? [];
    const [, session = ''] = /```console newcomer\n([^]*?)```/.exec(text) ?? [];
    const lines = diff.trimEnd().split('\n');
    const added = lines.filter((line) => line.startsWith('+'));
    assert.ok(added.length > 0 && added.length < 10, `${added.length} lines`);
    const app = lines.filter((line) => !line.startsWith('-')).map((line) => line.slice(1));
    writeFileSync(path.join(project, 'app.js'), `${app.join('\n')}\n`);
    await played(project, session, packed.tarball);
  });
});

/**
 * Type-checks every entry with what most programs use of it, including the libraries' own
 * declarations.
 */
const serverProgram = `
  import { createServer } from 'node:http';
  import { accept, defineConfig, defineTask, fastifyRaincheck, file, raincheck, TaskError } from 'raincheck';
  import { createClient, verifyWebhook } from 'raincheck/client';
  import { decide, type Store } from 'raincheck/store';
  import { exerciseStore, memoryStore, testKit } from 'raincheck/testing';

  const length = defineTask('length', { run: ({ input }) => String(input).length });
  const rc = raincheck({ tasks: [length], store: 'sqlite:add.db' });
  createServer(rc.handle);
  const client = createClient<typeof rc>({ baseUrl: 'http://localhost' });
  export const found: Promise<number> = client.run('length', 'hello');
  // @ts-expect-error -- the server has no such task
  void client.run('lenght', 'hello');
  export const more = [accept(rc, length), defineConfig, fastifyRaincheck, file, TaskError, verifyWebhook];
  export const store: Store = memoryStore();
  export const testing = [decide, exerciseStore, testKit];
`;
const pageProgram = `
  import { createClient, operationStore, type WireOperation } from 'raincheck/client';
  import { useOperation } from 'raincheck/react';

  const client = createClient({ baseUrl: location.origin });
  export const store = operationStore(client.operation('op_01M8344M2S85CDQE1WDJN7WVKA'));
  export function Status(): string {
    const { operation }: { operation: WireOperation | null } = useOperation(client, location.hash);
    return operation?.status ?? document.title;
  }
`;

/**
 * Plays a session: types each command after `$ `, whose output must contain the lines below it in
 * their order (`…` stands for anything). `raincheck` is installed from the tarball, port 3000
 * becomes a free one, and an id the one that came first.
 */
async function played(folder: string, session: string, tarball: string): Promise<void> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const app = readFileSync(path.join(folder, 'app.js'), 'utf8').replaceAll('3000', String(port));
  writeFileSync(path.join(folder, 'app.js'), app);
  const steps = session
    .split(/^\$ /m)
    .slice(1)
    .map((step) => {
      const [command = '', ...expected] = step.trimEnd().split(/(?<!\\)\n/);
      return { command, expected };
    });
  assert.ok(steps.length >= 5, 'a session of some commands');
  const script = steps.map(({ command }, at) => {
    const typed = command
      .replace(/(?<=npm install )raincheck\b/, `--prefer-offline ${tarball}`)
      .replaceAll(':3000', `:${port}`)
      .replaceAll(/\bop_\w+…?/g, '$id')
      .replace(/^curl/, 'curl --silent --show-error');
    // A person does not type faster than a process dies.
    if (typed.startsWith('kill')) return `${typed} >out.${at} 2>&1\nwait %1 2>>out.${at} || true`;
    if (!typed.endsWith('&')) {
      return `${typed} >out.${at} 2>&1\nid=$(cat out.* | grep -o 'op_[0-9A-Z]\\{26\\}' | head -n 1)`;
    }
    const up = `curl --silent --output up.txt --retry 60 --retry-delay 1 --retry-all-errors http://127.0.0.1:${port}/`;
    return `${typed.slice(0, -1)} >out.${at} 2>&1 &\n${up}`;
  });
  const whole = ['set -eu', "trap 'kill -9 $(jobs -p) 2>/dev/null' EXIT", 'id=', ...script];
  runIn(folder, 'bash', ['-c', whole.join('\n')]);
  for (const [at, { command, expected }] of steps.entries()) {
    const output = withoutIds(readFileSync(path.join(folder, `out.${at}`), 'utf8'));
    let from = 0;
    for (const part of expected.flatMap((line) => line.split('…')).map((part) => part.trim())) {
      const found = output.indexOf(withoutIds(part), from);
      assert.ok(found >= 0, `$ ${command}\n${output}\nhas no ${part}`);
      from = found;
    }
  }
}

const withoutIds = (text: string): string => text.replaceAll(/\bop_\w+/g, 'op_');
