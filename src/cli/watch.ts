import type { Command } from 'commander';
import type { FeedEvent } from '../client/feed.ts';
import type { OperationStatus } from '../core/operation.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { acting, type Context, type Shell } from './context.ts';
import { estimateText } from './estimate-text.ts';
import { exitCodes } from './exit-codes.ts';
import type { Style } from './output.ts';
import { wholeSeconds } from './progress-line.ts';
import { progressOf } from './status.ts';
import { cutTo, safeLine, table } from './terminal-text.ts';
import { countsText, Watched } from './watched.ts';

type WatchFlags = { readonly task?: string };

export function addWatch(program: Command, shell: Shell): void {
  program
    .command('watch')
    .description('show operations as they come and go, until Ctrl-C')
    .option('--task <name>', 'only of this task')
    .addHelpText('after', pipeHelp)
    .action(
      acting(shell, async (context, command) => {
        const { task } = command.opts<WatchFlags>();
        const stop = new AbortController();
        const onInterrupt = (): void => stop.abort();
        process.once('SIGINT', onInterrupt);
        try {
          const { stdout } = process;
          const isScreen = stdout.isTTY && context.output.canRewrite;
          if (isScreen) await watchScreen(context, { task, signal: stop.signal });
          else await watchLines(context, { task, signal: stop.signal });
        } catch (error) {
          if (!stop.signal.aborted) throw error;
        } finally {
          process.off('SIGINT', onInterrupt);
        }
        return exitCodes.ok.code;
      }),
    );
}

const pipeHelp = `
In a pipe: a line for each change, tab-separated: id, task, status, created, detail.`;

type Watching = { readonly task: string | undefined; readonly signal: AbortSignal };

async function watchLines(context: Context, p: Watching): Promise<void> {
  const { output, client } = context;
  const shown = new Map<string, string>();
  for await (const event of client.feed(p)) {
    if (event.type === 'gap') output.note(gapText(event, context.command));
    if (event.type !== 'operation') continue;
    const { operation } = event;
    if (output.json) output.resultJson(operation);
    else {
      const line = cellsOf(operation).map(safeLine).join('\t');
      if (shown.get(operation.id) === line) continue;
      if (operation.status === 'completed' || operation.status === 'failed') {
        shown.delete(operation.id);
      } else shown.set(operation.id, line);
      output.result(line);
    }
  }
}

function gapText({ missed }: Extract<FeedEvent, { type: 'gap' }>, command: string): string {
  const what = missed === null ? 'Some changes were' : `${missed} changes were`;
  return `${what} not told: ${command} list shows how it is now.`;
}

function cellsOf(operation: WireOperation): string[] {
  const progress = operation.status === 'processing' ? progressOf(operation) : null;
  const detail = operation.error?.code ?? progress ?? '';
  return [operation.id, operation.task, operation.status, operation.created_at, detail];
}

const repaintMs = 250;
/** Lines beside the rows: title, column titles and the last line. */
const otherLines = 4;

/** Takes the whole terminal, on its other screen: what was there before comes back at the end. */
async function watchScreen(context: Context, p: Watching): Promise<void> {
  const { client, output } = context;
  const { stdout } = process;
  const rowsMax = Math.max(3, (stdout.rows || 24) - otherLines);
  const watched = new Watched(rowsMax);
  let trouble = false;
  let isDue = true;
  const paint = (): void => {
    // The time that passes is shown too, so there is something new each second at the least.
    isDue = false;
    const lines = screenLines(context, { watched, task: p.task, trouble });
    output.report(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join('\n')}\u001b[J`);
  };
  const page = await client.list({ task: p.task, limit: Math.min(rowsMax, 200) });
  for (const operation of page.operations) watched.put(operation);
  output.report('\u001b[?1049h\u001b[?25l');
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (isDue || ticks % 4 === 0) paint();
  }, repaintMs);
  try {
    paint();
    const onConnection = (state: 'live' | 'reconnecting'): void => {
      trouble = state !== 'live';
      isDue = true;
    };
    for await (const event of client.feed({ ...p, onConnection })) {
      if (watched.take(event)) isDue = true;
    }
  } finally {
    clearInterval(timer);
    output.report('\u001b[?25h\u001b[?1049l');
  }
}

const columns = ['ID', 'TASK', 'STATUS', 'AGE', 'DETAIL'].map((title) => ({ title }));
const colours: Readonly<Record<OperationStatus, Style>> = {
  pending: 'dim',
  processing: 'cyan',
  completed: 'green',
  failed: 'red',
};

function screenLines(
  { output, transport }: Context,
  p: { readonly watched: Watched; readonly task: string | undefined; readonly trouble: boolean },
): string[] {
  // The last column stays free: clearing the rest of a line would clear a letter there.
  const width = (process.stdout.columns || 80) - 1;
  const now = transport.serverNow();
  const { counts, rows } = p.watched;
  const state = p.trouble ? 'the server does not answer, trying again' : 'live';
  const title = [p.task ?? 'all tasks', counts === null ? '' : countsText(counts), state];
  const cells = rows.map((one) => {
    const age = wholeSeconds(now - Date.parse(one.created_at));
    const detail = [cellsOf(one)[4] ?? '', estimateText(one, now)?.short ?? '']
      .filter((part) => part !== '')
      .join(' · ');
    return [one.id, one.task, `${glyphs[one.status]} ${one.status}`, age, detail].map(safeLine);
  });
  const [head = '', ...lines] = table(columns, cells, width);
  return [
    output.styleResult('bold', cutTo(title.filter((part) => part !== '').join('   '), width)),
    output.styleResult('dim', head),
    ...lines.map((line, i) => output.styleResult(colours[rows[i]?.status ?? 'pending'], line)),
    ...(rows.length === 0 ? ['No operations yet.'] : []),
    output.styleResult('dim', 'Ctrl-C ends'),
  ];
}

/** State is never told by colour alone. */
const glyphs: Readonly<Record<OperationStatus, string>> = {
  pending: '○',
  processing: '◐',
  completed: '✔',
  failed: '✖',
};
