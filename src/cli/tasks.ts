import type { Command } from 'commander';
import { formatDuration } from '../core/duration.ts';
import { operationStatuses } from '../core/operation.ts';
import type { WireTask } from '../core/wire-server.ts';
import { acting, type Context, type Shell } from './context.ts';
import { exitCodes } from './exit-codes.ts';
import { isObject, typesAt } from './json-schema.ts';
import { findTask } from './submission.ts';
import { safeLine, table } from './terminal-text.ts';

export function addTasks(program: Command, shell: Shell): void {
  program
    .command('tasks')
    .description('list the tasks of the server, or show one with the fields of its input')
    .argument('[task]', 'name of the task')
    .addHelpText('after', pipeHelp)
    .action(
      acting(shell, async (context, command) => {
        const [name] = command.args;
        if (name === undefined) printTasks(context, await context.client.tasks());
        else printTask(context, await findTask(context, name));
        return exitCodes.ok.code;
      }),
    );
}

const pipeHelp = `
In a pipe: one task a line, tab-separated: name, path, state, pending, processing, description.`;

function printTasks({ output }: Context, tasks: readonly WireTask[]): void {
  if (output.json) return tasks.forEach((task) => output.resultJson(task));
  const rows = tasks.map((task) => {
    const { pending, processing } = task.counts;
    const state = task.paused ? 'paused' : 'active';
    const cells = [task.name, task.path, state, String(pending), String(processing)];
    return [...cells, task.description ?? ''].map(safeLine);
  });
  if (!output.resultIsSeen) return rows.forEach((row) => output.result(row.join('\t')));
  if (rows.length === 0) return output.note('This server has no tasks.');
  const columns = [
    { title: 'NAME' },
    { title: 'PATH' },
    { title: 'STATE' },
    { title: 'PENDING', align: 'right' as const },
    { title: 'PROCESSING', align: 'right' as const },
    { title: 'DESCRIPTION' },
  ];
  const [head = '', ...lines] = table(columns, rows, process.stdout.columns || 80);
  output.report(output.styleResult('dim', head));
  for (const line of lines) output.result(line);
}

function printTask({ output }: Context, task: WireTask): void {
  if (output.json) return output.resultJson(task);
  const { counts, limits } = task;
  const ms = (value: number | null): string => (value === null ? 'none' : formatDuration(value));
  const now = operationStatuses.map((status) => `${counts[status]} ${status}`);
  const held = [
    `${limits.attempts} attempt${limits.attempts === 1 ? '' : 's'}`,
    `timeout ${ms(limits.timeout_ms)}`,
    `queue timeout ${ms(limits.queue_timeout_ms)}`,
    `deadline ${ms(limits.deadline_ms)}`,
  ];
  const lines = [
    `${task.name}${task.paused ? ' (paused)' : ''}   POST ${task.path}`,
    ...(task.description === null ? [] : [`  ${task.description}`]),
    `  now       ${now.join(', ')}`,
    `  limits    ${held.join(', ')}`,
    ...durationLines(task),
    ...redactLines(task),
    ...fieldLines(task.input_schema),
  ];
  for (const line of lines) output.result(safeLine(line));
}

/** How long its operations take, and how good the estimates were. */
function durationLines({
  durations,
  estimate_ms: declared,
  estimate_accuracy: accuracy,
}: WireTask) {
  const lines: string[] = [];
  if (durations !== null) {
    const { p50_ms: p50, p90_ms: p90, samples } = durations;
    const most = `9 of 10 within ${formatDuration(p90)}`;
    lines.push(
      `  takes     about ${formatDuration(p50)}, ${most} (${samples} operation${samples === 1 ? '' : 's'})`,
    );
  } else if (declared !== null) {
    lines.push(`  takes     about ${formatDuration(declared)} (as declared)`);
  }
  if (accuracy !== null) {
    const { within_bound: within, error_median: error, samples } = accuracy;
    const held = `${percent(within)} finished by the time told`;
    lines.push(`  estimates ${held}, off by ${percent(error)} (the last ${samples})`);
  }
  return lines;
}

/** The parts of the input that nobody is shown. */
function redactLines({ redact }: WireTask): string[] {
  return redact.length === 0 ? [] : [`  redacts   ${redact.join(', ')}`];
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}

const boundNames = {
  default: 'default',
  minimum: 'min',
  maximum: 'max',
  minLength: 'min length',
  maxLength: 'max length',
  pattern: 'pattern',
  examples: 'e.g.',
};

/** 'default 10, min 1, max 3600': the bounds that the schema states in a word. */
function boundsText(field: unknown): string {
  if (!isObject(field)) return '';
  const parts = Object.entries(boundNames).map(([keyword, name]) => {
    const given = field[keyword];
    const value: unknown = Array.isArray(given) ? given[0] : given;
    // zod states the bounds of whole numbers themselves.
    if (value === undefined || Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER) return '';
    return `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  });
  return parts.filter((part) => part !== '').join(', ');
}

/** The first level of the input: name, types, whether it must be there. */
function fieldLines(schema: unknown): string[] {
  const properties = isObject(schema) && isObject(schema['properties']) ? schema['properties'] : {};
  const names = Object.keys(properties);
  if (names.length === 0 || !isObject(schema)) return ['  input     any JSON'];
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const rows = names.map((name) => {
    const field = properties[name];
    const values = isObject(field) && Array.isArray(field['enum']) ? field['enum'] : null;
    const types = [...(typesAt(schema, [name]) ?? ['any'])].join(' or ');
    const description = isObject(field) ? field['description'] : undefined;
    return [
      name,
      values === null ? types : values.map(String).join(' | '),
      required.includes(name) ? 'required' : 'optional',
      [boundsText(field), typeof description === 'string' ? description : '']
        .filter((text) => text !== '')
        .join('; '),
    ].map(safeLine);
  });
  const columns = ['', '', '', ''].map((title) => ({ title }));
  const lines = table(columns, rows, Number.POSITIVE_INFINITY).slice(1);
  return lines.map((line, i) => `${i === 0 ? '  input     ' : '            '}${line}`);
}
