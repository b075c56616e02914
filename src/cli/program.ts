import { Command, CommanderError } from 'commander';
import { suggestion } from '../core/suggest.ts';
import { commandName } from '../server/command-name.ts';
import { version } from '../server/version.ts';
import { serverUrl, urlDefault, type GlobalOptions, type Shell } from './context.ts';
import { reportError } from './error-text.ts';
import { exitCodes, exitCodesHelp, UsageError } from './exit-codes.ts';
import { endQuietlyOnClosedPipe } from './output.ts';
import { addCancel } from './cancel.ts';
import { addCompletion } from './completion.ts';
import { addConfig } from './config.ts';
import { addDev } from './dev.ts';
import { addDlq } from './dlq.ts';
import { addDoctor } from './doctor.ts';
import { addInit } from './init.ts';
import { addErrorGroups } from './error-groups.ts';
import { addList } from './list.ts';
import { addListen } from './listen.ts';
import { addLogs } from './logs.ts';
import { addMigrate } from './migrate.ts';
import { addPause, addResume } from './pause.ts';
import { addResult } from './result.ts';
import { addRemove } from './remove.ts';
import { addRetry } from './retry.ts';
import { addServe } from './serve.ts';
import { addTasks } from './tasks.ts';
import { addRun } from './run.ts';
import { addStatus } from './status.ts';
import { addSubmit } from './submit.ts';
import { addWait } from './wait.ts';
import { addWatch } from './watch.ts';
import { addWebhooks } from './webhooks.ts';
import { addWorker } from './worker.ts';

/** In the order of --help: start one, use it, look around. */
const commands = [
  addDev,
  addServe,
  addWorker,
  addRun,
  addSubmit,
  addStatus,
  addWait,
  addLogs,
  addResult,
  addCancel,
  addRetry,
  addRemove,
  addList,
  addWatch,
  addErrorGroups,
  addTasks,
  addPause,
  addResume,
  addWebhooks,
  addDlq,
  addListen,
  addInit,
  addConfig,
  addMigrate,
  addDoctor,
  addCompletion,
];

/** The whole command line: `argv` without node and script; resolves to the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  endQuietlyOnClosedPipe();
  const shell: Shell = { exitCode: exitCodes.ok.code };
  const program = createProgram(shell);
  try {
    refuseTokenArgument(argv);
    await program.parseAsync(argv, { from: 'user' });
    return shell.exitCode;
  } catch (error) {
    if (isAnswered(error)) return exitCodes.ok.code;
    const json = argv.includes('--json');
    if (isHelpOnly(error) && !json) return exitCodes.usage.code;
    const told = error instanceof CommanderError ? usageErrorOf(error, { argv, program }) : error;
    return reportError(told, { json, url: serverUrl(program.opts<GlobalOptions>()) });
  }
}

function createProgram(shell: Shell): Command {
  // Its name for people is looked up only when a help shows it.
  const program = new Command('raincheck').on('beforeAllHelp', () => program.name(commandName()));
  program
    .description('Work that takes longer than a request: submit it, follow it, fetch the result.')
    .version(version, '-V, --version')
    .option('--url <address>', `the server (RAINCHECK_URL, default ${urlDefault})`)
    .option('--token-file <file>', 'file with the token (or set RAINCHECK_TOKEN)')
    .option('--json', 'JSON on stdout: one object, or one a line for what comes bit by bit')
    .option('-q, --quiet', 'no progress and no hints, only results and errors')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ outputError: () => undefined }) // told in main, as all errors are
    .addHelpText('after', exitCodesHelp)
    .exitOverride();
  for (const add of commands) add(program, shell);
  return program;
}

/** Every process of the machine can read argv, and shells keep it in their history. */
function refuseTokenArgument(argv: readonly string[]): void {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  if (!own.some((word) => word === '--token' || word.startsWith('--token='))) return;
  throw new UsageError(
    'A token on the command line can be read by every process here: set RAINCHECK_TOKEN or use --token-file.',
  );
}

/** Asking for help or the version is no error; `help run` comes with the code of no command, but 0. */
function isAnswered(error: unknown): boolean {
  if (!(error instanceof CommanderError)) return false;
  if (error.code === 'commander.help') return error.exitCode === 0;
  return ['commander.helpDisplayed', 'commander.version'].includes(error.code);
}

/** No command at all: commander has shown what there is. */
function isHelpOnly(error: unknown): boolean {
  return error instanceof CommanderError && error.code === 'commander.help';
}

/** commander's "error: unknown option '--x'\n(Did you mean --y?)" in the words of the other errors. */
function usageErrorOf(
  error: CommanderError,
  { argv, program }: { readonly argv: readonly string[]; readonly program: Command },
): UsageError {
  const text = isHelpOnly(error) ? 'No command is given' : error.message.replace(/^error: /, '');
  const [first = '', ...more] = withSuggestion(text, program).split('\n');
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1).replace(/\.$/, '')}.`;
  const hints = more.map((line) => line.replace(/^\((.*)\)$/, '$1'));
  const usage = new UsageError([sentence, ...hints].join(' '), { cause: error });
  const path = commandPath(program, argv).join('');
  usage.hint = `See: ${commandName()} ${path}--help`;
  return usage;
}

/** The names of the command that was meant, each with a space behind. */
function commandPath(program: Command, argv: readonly string[]): string[] {
  for (const [i, word] of argv.entries()) {
    const command = program.commands.find((one) => one.name() === word);
    if (command !== undefined) return [`${word} `, ...commandPath(command, argv.slice(i + 1))];
  }
  return [];
}

function allCommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allCommands)];
}

/** commander looks for the option that was meant only when no value hangs on it with '='. */
function withSuggestion(text: string, program: Command): string {
  const name = /unknown option '(--[^=']+)=/.exec(text)?.[1];
  if (name === undefined || text.includes('Did you mean')) return text;
  const options = allCommands(program).flatMap((command) => command.options);
  const names = options.map(({ long }) => long ?? '');
  const meant = suggestion(name, names);
  return meant === null ? text : `${text}\n(Did you mean ${meant}?)`;
}
