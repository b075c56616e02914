import type { Command } from 'commander';
import type { SubmitOptions } from '../client/client.ts';
import type { OperationHandle } from '../client/operation.ts';
import { ProblemError } from '../client/problem.ts';
import type { WireTask } from '../core/wire-server.ts';
import { suggestion } from '../core/suggest.ts';
import { inputFrom, inputOption, labelsFrom } from './arguments.ts';
import { isObject } from './json-schema.ts';
import { safeLine } from './terminal-text.ts';
import { noTaskText } from './unknown-task.ts';
import { collected, durationArgument, integerArgument, type Context } from './context.ts';

/** Flags that `run` and `submit` share: the input and the options of a submit. */
export type SubmitFlags = {
  readonly input?: string;
  readonly label?: readonly string[];
  readonly priority?: number;
  readonly delay?: number;
  readonly deadline?: number;
  readonly idempotencyKey?: string;
  readonly webhookUrl?: string;
};

export function withSubmitOptions(command: Command): Command {
  return command
    .argument('<task>', 'name of the task; the command `tasks` lists them')
    .argument('[input...]', 'name=value, name:=json, outer.inner=value, name=@file')
    .option('-i, --input <json>', 'the whole input: JSON, @file, or - for stdin')
    .option('-l, --label <name=value>', 'label to find it by; may be repeated', collected)
    .option('--priority <n>', 'higher goes first, -100 to 100', integerArgument)
    .option('--delay <time>', 'start no sooner than so long from now, like 10m', durationArgument)
    .option('--deadline <time>', 'fail when not finished so long from now', durationArgument)
    .option('--idempotency-key <key>', 'the same key and input give the same operation')
    .option('--webhook-url <url>', 'where to send a signed POST when it has finished');
}

export async function submitFromWords(
  context: Context,
  name: string,
  p: { readonly words: readonly string[]; readonly flags: SubmitFlags },
): Promise<OperationHandle> {
  const { flags } = p;
  const labels = labelsFrom(flags.label ?? []);
  const base = flags.input === undefined ? undefined : inputOption(flags.input);
  const task = await findTask(context, name);
  const input = inputFrom({ words: p.words, schema: task.input_schema, base });
  for (const note of unknownFields(input, task)) context.output.note(note);
  const options: SubmitOptions = {
    idempotencyKey: flags.idempotencyKey,
    priority: flags.priority,
    delay: flags.delay,
    deadline: flags.deadline,
    labels,
    webhookUrl: flags.webhookUrl,
  };
  const handle = await context.client.submit(name, input, options);
  if (handle.replayed) {
    context.output.note(`${handle.id} was accepted before under this idempotency key.`);
  }
  return handle;
}

/**
 * A sentence for each name that the schema does not know. Many schemas drop them without a word, so a typing
 * error would go unseen; the server decides whether they are refused.
 */
function unknownFields(input: unknown, { name, input_schema: schema }: WireTask): string[] {
  if (!isObject(input) || !isObject(schema) || !isObject(schema['properties'])) return [];
  const extra = schema['additionalProperties'] ?? false;
  const branching = ['$ref', 'anyOf', 'oneOf', 'allOf', 'patternProperties'];
  if (extra !== false || branching.some((keyword) => keyword in schema)) return [];
  const known = Object.keys(schema['properties']);
  const reserved = ['webhook', 'webhook_url'];
  const unknown = Object.keys(input).filter(
    (field) => !known.includes(field) && !reserved.includes(field),
  );
  return unknown.map((field) => {
    const meant = suggestion(field, known);
    const hint = meant === null ? `Fields: ${known.join(', ')}.` : `Did you mean \`${meant}\`?`;
    return safeLine(`\`${field}\` is not a field of ${name}. ${hint}`);
  });
}

/** Reads a task as client.task does, with a "did you mean" when there is none of that name. */
export function findTask(context: Context, name: string): Promise<WireTask> {
  return suggestingTask(context, name, () => context.client.task(name));
}

/** Resolves as `ask` does, with a "did you mean" when there is no task of that name. */
export async function suggestingTask(
  context: Context,
  name: string,
  ask: () => Promise<WireTask>,
): Promise<WireTask> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'task_not_found') throw error;
    const names = await context.client.tasks().then(
      (tasks) => tasks.map((task) => task.name),
      () => [],
    );
    throw new ProblemError({ ...error.problem, detail: noTaskText(name, names) }, null);
  }
}
