import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
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
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ServerProcess } from './server-process.ts';

const root = path.join(import.meta.dirname, '..', '..');

/**
 * What the documents tell people to type is typed here. A fenced block is taken when its info string says so:
 *
 *   ```sh run      run by bash -eu against a server with the example's tasks; must end with 0
 *   ```ts run      type-checked, then run by node; must end with 0
 *   ```ts check    type-checked
 *
 * `http://127.0.0.1:7333` stands for that server, `npx raincheck` for this version. The blocks of one
 * document run in order, in one folder, which is empty at first.
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

  before(async () => {
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
    code.replaceAll(/(?:http:\/\/)?(?:127\.0\.0\.1|localhost):7333/g, url);

  it('type-checks', { skip: programs.length === 0 && 'no marked program' }, () => {
    for (const snippet of programs) {
      writeFileSync(path.join(folder, `${nameOf(snippet)}.ts`), live(snippet.code));
    }
    expectSuccess(path.join(root, 'node_modules/.bin/tsc'), ['-p', folder], folder);
  });

  for (const snippet of snippets.filter(({ mode }) => mode === 'run')) {
    it(`runs ${snippet.file}:${snippet.line}`, () => {
      if (snippet.language === 'sh') {
        expectSuccess('bash', ['-euo', 'pipefail', '-c', live(snippet.code)], folder);
        return;
      }
      const file = path.join(folder, `${nameOf(snippet)}.ts`);
      writeFileSync(file, live(snippet.code));
      expectSuccess('node', ['--conditions=raincheck-source', file], folder);
    });
  }

  function expectSuccess(command: string, args: string[], cwd: string): void {
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
  }
});

function snippetsOf(file: string): Snippet[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/^```(sh|ts) (run|check)\b.*\n([^]*?)^```$/gm)].map((match) => {
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
  for (const name of ['zod', '@types', '@standard-schema']) {
    symlinkSync(path.join(root, 'node_modules', name), path.join(folder, 'node_modules', name));
  }
  const program = `exec node --conditions=raincheck-source ${root}/src/cli/main.ts "$@"\n`;
  const npx = 'test "$1" = raincheck && shift\nexec raincheck "$@"\n';
  for (const [name, text] of Object.entries({ raincheck: program, npx })) {
    writeFileSync(path.join(folder, 'bin', name), `#!/bin/sh\n${text}`, { mode: 0o755 });
  }
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }\n');
  const tsconfig = { extends: path.join(root, 'tsconfig.json'), include: ['*.ts'], exclude: [] };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(tsconfig));
}
