import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ServerProcess } from './server-process.ts';

const root = path.join(import.meta.dirname, '..', '..');

/**
 * The commands and programs that the documents tell people to type are run here. A fenced block is
 * taken when its info string says so:
 *
 *   ```sh run        run by bash -eu against a server with the example's tasks; must end with 0
 *   ```console run   the same for the lines after `$ `; each `HTTP/1.1 …` line below them must be answered
 *   ```ts run        type-checked, then run by node; must end with 0
 *   ```ts check      type-checked
 *
 * `http://127.0.0.1:7333` stands for that server, port 9000 for a free one, `npx raincheck` for
 * this version. An id in a console stands for the newest operation (of the task in the address),
 * and its end is awaited where only that makes sense. curl fails at an error's status. The blocks
 * of one document run in order, in one folder, which is empty at first.
 */
type Snippet = { file: string; line: number; language: string; mode: string; code: string };

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'ARCHITECTURE.md',
  ...globSync('docs/*.md', { cwd: root }),
];
const snippets = documents.filter((file) => existsSync(path.join(root, file))).flatMap(snippetsOf);
const programs = snippets.filter(({ language }) => language === 'ts');

describe('what the documents say works', () => {
  let folder = '';
  let server: ServerProcess;
  let url = '';
  let receiverPort = 0;

  before(async () => {
    receiverPort = await freePort();
    folder = mkdtempSync(path.join(tmpdir(), 'raincheck-docs-'));
    prepareFolder(folder);
    server = new ServerProcess(['dev', '--ephemeral', '--port', '0'], { folder });
    url = await server.url();
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const live = (code: string): string =>
    code
      .replaceAll(/(?:http:\/\/)?(?:127\.0\.0\.1|localhost):7333/g, url)
      .replaceAll(/(?<=127\.0\.0\.1:|--port )9000\b/g, String(receiverPort));

  it('type-checks', { skip: programs.length === 0 && 'no marked program' }, () => {
    for (const snippet of programs) {
      writeFileSync(path.join(folder, `${nameOf(snippet)}.ts`), live(snippet.code));
    }
    expectSuccess(path.join(root, 'node_modules/.bin/tsc'), ['-p', folder], folder);
  });

  it('marks every program of the documents', () => {
    const unmarked = documents.filter((file) =>
      /^```ts *$/m.test(readFileSync(path.join(root, file), 'utf8')),
    );
    assert.deepEqual(unmarked, []);
  });

  it('finds tests by the names that the documents give to npm test', () => {
    const tests = globSync('{src,test}/**/*.test.ts', { cwd: root });
    for (const file of documents) {
      const text = readFileSync(path.join(root, file), 'utf8');
      for (const [, names = ''] of text.matchAll(/`npm test ([^`]+)`/g)) {
        for (const name of names.split(' ')) {
          assert.ok(
            tests.some((test) => test.includes(name)),
            `${file}: npm test ${name}`,
          );
        }
      }
    }
  });

  for (const snippet of snippets.filter(({ mode }) => mode === 'run')) {
    it(`runs ${snippet.file}:${snippet.line}`, () => {
      const cwd = path.join(folder, snippet.file.replaceAll(/\W/g, '-'));
      mkdirSync(cwd, { recursive: true });
      if (snippet.language !== 'ts') {
        const { code } = snippet;
        const commands = snippet.language === 'sh' ? code : commandsOf(code);
        const output = expectSuccess('bash', ['-euo', 'pipefail', '-c', live(commands)], cwd);
        const statusLines = code.match(/^HTTP\/1\.1 .*$/gm) ?? [];
        for (const line of statusLines) assert.ok(output.includes(line), `${line}\n${output}`);
        return;
      }
      const file = path.join(folder, `${nameOf(snippet)}.ts`);
      writeFileSync(file, live(snippet.code));
      expectSuccess('node', ['--conditions=raincheck-source', file], cwd);
    });
  }

  function expectSuccess(command: string, args: string[], cwd: string): string {
    const env = {
      ...process.env,
      PATH: [path.join(folder, 'bin'), path.dirname(process.execPath), process.env['PATH']].join(
        ':',
      ),
      RAINCHECK_URL: url,
      NODE_OPTIONS: '--disable-warning=ExperimentalWarning',
    };
    const run = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 60_000 });
    assert.equal(run.status, 0, `${args.at(-1)}\n${run.stdout}${run.stderr}`);
    return run.stdout;
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** The lines after `$ ` with those that a backslash adds. */
function commandsOf(session: string): string {
  const commands = session.match(/^\$ (?:.*\\\n)*.*$/gm) ?? [];
  return commands.map((command) => aboutNewest(command.slice(2))).join('\n');
}

function aboutNewest(command: string): string {
  const id = /\bop_[0-9A-Z]{4,26}…?/;
  if (!id.test(command)) return command;
  const needsEnd = !new RegExp(`/operations/${id.source.slice(2)}(?:/cancel)?$`).test(command);
  const waiting = needsEnd ? '{ raincheck wait "$id" --quiet > wait.txt || true; }; ' : '';
  const task = /:7333\/(?!operations\/)(\w+)\/op_/.exec(command)?.[1];
  const filter = task === undefined ? '' : ` --task ${task}`;
  return `id=$(raincheck list -n 1${filter} | cut -f 1); ${waiting}${command.replace(id, '$id')}`;
}

function snippetsOf(file: string): Snippet[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/^```(sh|console|ts) (run|check)\b.*\n([^]*?)^```$/gm)].map((match) => {
    const [, language = '', mode = '', code = ''] = match;
    return { file, line: text.slice(0, match.index).split('\n').length, language, mode, code };
  });
}

function nameOf({ file, line }: Snippet): string {
  return `${file.replaceAll(/\W/g, '-')}-${line}`;
}

/** A project that has raincheck installed, and the commands `raincheck` and `npx raincheck`. */
function prepareFolder(folder: string): void {
  mkdirSync(path.join(folder, 'node_modules'));
  mkdirSync(path.join(folder, 'bin'));
  symlinkSync(root, path.join(folder, 'node_modules/raincheck'));
  for (const name of ['zod', 'react', '@types']) {
    symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
  }
  const program = `exec node --conditions=raincheck-source ${root}/src/cli/main.ts "$@"\n`;
  const npx = 'test "$1" = raincheck && shift\nexec raincheck "$@"\n';
  const curl = 'PATH=${PATH#*:} exec curl --silent --show-error --fail-with-body "$@"\n';
  for (const [name, text] of Object.entries({ raincheck: program, npx, curl })) {
    writeFileSync(path.join(folder, 'bin', name), `#!/bin/sh\n${text}`, { mode: 0o755 });
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }\n');
  const tsconfig = { extends: path.join(root, 'tsconfig.json'), include: ['*.ts'], exclude: [] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
}
