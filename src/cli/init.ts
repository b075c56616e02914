import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { version } from '../server/version.ts';
import { dataFolder } from '../server/data-folder.ts';
import type { GlobalOptions, Shell } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { openOutput } from './output.ts';
import { shellWord } from './terminal-text.ts';

type InitFlags = GlobalOptions & { readonly dryRun?: boolean };

export function addInit(program: Command, shell: Shell): void {
  program
    .command('init')
    .description('write a first task with its config; overwrites nothing')
    .argument('[folder]', 'where; made when it is not there', '.')
    .option('--dry-run', 'only list the files')
    .action((...args: unknown[]) => {
      const command = args.at(-1) as Command;
      const flags = command.optsWithGlobals<InitFlags>();
      const folder = path.resolve(command.args[0] ?? '.');
      const output = openOutput(flags);
      const files = filesFor(folder);
      refuseTaken(files, folder);
      if (flags.dryRun !== true) writeAll(files, folder);
      const list = files.map(({ name, meaning }) => `${name.padEnd(20)} ${meaning}`).join('\n');
      const names = { folder, files: files.map(({ name }) => name) };
      if (flags.dryRun !== true) {
        output.done(list, names);
        output.note(nextSteps(folder, files));
      } else if (output.json) output.resultJson(names);
      else output.result(list);
      shell.exitCode = exitCodes.ok.code;
    });
}

type InitFile = { readonly name: string; readonly meaning: string; readonly text: string };

/**
 * The files to write. A package.json or .gitignore that exists stays as it is; nextSteps tells what to add to the former. Where it
 * says "type": "commonjs", as that of `npm init -y` does, Node reads only .mts as the modules that these are.
 */
function filesFor(folder: string): readonly InitFile[] {
  const ending = isCommonJs(path.join(folder, 'package.json')) ? 'mts' : 'ts';
  const manifest = {
    name: 'package.json',
    meaning: 'raincheck and its Node as dependencies, `npm start`',
    text: packageText(path.basename(folder)),
  };
  const files = [
    {
      name: `raincheck.config.${ending}`,
      meaning: 'the tasks of the server',
      text: configText(ending),
    },
    { name: `tasks/greeting.${ending}`, meaning: 'a task to begin with', text: taskText },
  ];
  const ignored = {
    name: '.gitignore',
    meaning: 'what does not belong into a repository',
    text: `node_modules/\n${dataFolder}/\n`,
  };
  const isThere = ({ name }: InitFile): boolean => existsSync(path.join(folder, name));
  return [...[manifest, ignored].filter((file) => !isThere(file)), ...files];
}

/** A file that cannot be read counts as no CommonJS: npm will say what is wrong with it. */
function isCommonJs(packageFile: string): boolean {
  try {
    const manifest: unknown = JSON.parse(readFileSync(packageFile, 'utf8'));
    return (manifest as { readonly type?: unknown } | null)?.type === 'commonjs';
  } catch {
    return false;
  }
}

function refuseTaken(files: readonly InitFile[], folder: string): void {
  const taken = files.filter(({ name }) => existsSync(path.join(folder, name)));
  if (taken.length === 0) return;
  const names = taken.map(({ name }) => name).join(' and ');
  const are = taken.length === 1 ? 'is' : 'are';
  throw new UsageError(`There ${are} ${names} in ${folder} already: nothing was written.`);
}

function writeAll(files: readonly InitFile[], folder: string): void {
  try {
    for (const file of files) write(folder, file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UsageError(`${folder} cannot be written: ${reason}`, { cause: error });
  }
}

/** Makes parents too. Not by `recursive`: Node 24 then tries for ever where one takes no folder, as /proc. */
function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(path.dirname(folder));
  mkdirSync(folder);
}

function write(folder: string, { name, text }: InitFile): void {
  const file = path.join(folder, name);
  makeFolder(path.dirname(file));
  // wx: a file that has appeared since the check stays.
  writeFileSync(file, text, { flag: 'wx' });
}

function nextSteps(folder: string, files: readonly InitFile[]): string {
  const isHere = folder === process.cwd();
  const ownManifest = files.some(({ name }) => name === 'package.json');
  return [
    'Next:',
    ...(isHere ? [] : [`  cd ${shellWord(path.relative(process.cwd(), folder))}`]),
    ...(ownManifest
      ? ['  npm install']
      : [
          '  npm install raincheck zod',
          '  npm install node@24     where Node is older than 24.15',
        ]),
    '  npx raincheck dev',
    '  npx raincheck run greeting name=Ada     in a second terminal',
  ].join('\n');
}

function packageText(folderName: string): string {
  const name = folderName
    .toLowerCase()
    .replaceAll(/[^a-z\d-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  const manifest = {
    name: name || 'tasks',
    private: true,
    type: 'module',
    scripts: { dev: 'raincheck dev', start: 'raincheck serve' },
    // The Node of the next machine may be older, also where it runs in production.
    dependencies: { node: '^24.15.0', raincheck: `^${version}`, zod: '^4.0.0' },
    engines: { node: '>=24.15.0' },
  };
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function configText(ending: string): string {
  return `import { defineConfig } from 'raincheck';
import { greeting } from './tasks/greeting.${ending}';

export default defineConfig({ tasks: [greeting] });
`;
}

const taskText = `import { setTimeout as sleep } from 'node:timers/promises';
import { defineTask } from 'raincheck';
import { z } from 'zod';

/** POST /greeting {"name":"Ada"} answers 202; the result is at its result_url some seconds later. */
export const greeting = defineTask('greeting', {
  description: 'Greets, slowly.',
  input: z.object({ name: z.string().min(1) }),
  timeout: '1m',
  attempts: 3,
  async run({ input, progress, signal }) {
    const letters = [...input.name];
    for (const [i, letter] of letters.entries()) {
      progress({ current: i, total: letters.length }, letter);
      await sleep(500, undefined, { signal });
    }
    return { greeting: \`Hello, \${input.name}!\` };
  },
});
`;
