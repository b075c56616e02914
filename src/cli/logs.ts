import type { Command } from 'commander';
import type { WireLogLine } from '../core/wire-operation.ts';
import { acting, operationNamed, type Context, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import type { Style } from './output.ts';
import { safeLine, shellWord } from './terminal-text.ts';

type LogFlags = { readonly follow?: boolean };

export function addLogs(program: Command, shell: Shell): void {
  program
    .command('logs')
    .description('show what the handlers of an operation wrote')
    .argument('<operation>', 'id or status address')
    .option('-f, --follow', 'go on to the end of the operation; Ctrl-C leaves it running')
    .addHelpText('after', pipeHelp)
    .action(
      acting(shell, async (context, command) => {
        const { follow = false } = command.opts<LogFlags>();
        const handle = operationNamed(context, command.args[0]);
        const detach = new AbortController();
        const onInterrupt = (): void => detach.abort();
        process.on('SIGINT', onInterrupt);
        try {
          let any = false;
          for await (const line of handle.logs({ follow, signal: detach.signal })) {
            printLine(context, line);
            any = true;
          }
          if (!any) context.output.note('No lines.');
          return exitCodes.ok.code;
        } catch (error) {
          if (detach.signal.aborted) return exitCodes.detached.code;
          throw error;
        }
      }),
    );
}

const pipeHelp = `
In a pipe: one line each, tab-separated: time, level, attempt, message, fields as JSON.`;

const styles: Readonly<Record<string, Style>> = { debug: 'dim', warn: 'yellow', error: 'red' };

function printLine({ output }: Context, line: WireLogLine): void {
  if (output.json) return output.resultJson(line);
  const { at, level, attempt, message, fields } = line;
  if (!output.resultIsSeen) {
    const cells = [
      at,
      level,
      String(attempt),
      message,
      fields === null ? '' : JSON.stringify(fields),
    ];
    return output.result(cells.map(safeLine).join('\t'));
  }
  const style = styles[level];
  const word = safeLine(level).padEnd(5);
  const told = [
    output.styleResult('dim', timeOf(at)),
    style === undefined ? word : output.styleResult(style, word),
    ...(attempt > 1 ? [output.styleResult('dim', `#${attempt}`)] : []),
    safeLine(message),
    ...Object.entries(fields ?? {}).map(([name, value]) =>
      output.styleResult('dim', `${safeLine(name)}=${valueText(value)}`),
    ),
  ];
  output.report(told.join(' '));
}

/** The time of day on this machine, to the millisecond. */
function timeOf(at: string): string {
  const time = new Date(at);
  return `${time.toTimeString().slice(0, 8)}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

function valueText(value: unknown): string {
  return typeof value === 'string' ? shellWord(value) : safeLine(JSON.stringify(value));
}
