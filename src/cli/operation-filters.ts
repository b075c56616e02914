import type { Command } from 'commander';
import type { OperationFilter } from '../client/operation-filter.ts';
import { labelsFrom, membersFrom } from './arguments.ts';
import { collected } from './context.ts';
import { instantOf } from './instant.ts';

/** Filters of `list` and of the bulk forms of `cancel`, `retry` and `remove`; each has a `--status` of its own. */
export type FilterFlags = {
  readonly task?: string;
  readonly label?: readonly string[];
  readonly code?: string;
  readonly search?: string;
  readonly error?: string;
  readonly where?: readonly string[];
  readonly since?: string;
  readonly until?: string;
};

/** `final`: the command finds final operations too; those that failed have an error to filter by. */
export function withOperationFilters(
  command: Command,
  { final = true }: { readonly final?: boolean } = {},
): Command {
  command
    .option('--task <name>', 'only of this task')
    .option('-l, --label <name=value>', 'only with this label; may be repeated', collected)
    .option('--search <text>', 'only with this in the id, the error or the input');
  if (final) {
    command
      .option('--code <code>', 'only failed with this error code')
      .option('--error <text>', 'only failed with this in the error');
  }
  return command
    .option(
      '--where <path=value>',
      'only with this in the input, as user.id=42; may be repeated',
      collected,
    )
    .option('--since <time>', 'created since: 2h (ago), 2026-01-31 or 2026-01-31T09:00:00Z')
    .option('--until <time>', 'created before');
}

export function operationFilter(flags: FilterFlags, now: number): OperationFilter {
  const { label, where, since, until } = flags;
  return {
    task: flags.task,
    labels: label === undefined ? undefined : labelsFrom(label),
    code: flags.code,
    q: flags.search,
    error: flags.error,
    input: where === undefined ? undefined : membersFrom(where),
    since: since === undefined ? undefined : instantOf('--since', since, now),
    until: until === undefined ? undefined : instantOf('--until', until, now),
  };
}
