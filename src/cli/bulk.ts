import type { Command } from 'commander';
import type { OperationHandle } from '../client/operation.ts';
import { canAsk, confirmed } from './confirm.ts';
import { durationArgument, type Context } from './context.ts';
import { exitCodes, UsageError } from './exit-codes.ts';
import { followAndFinish } from './finish.ts';

/** Flags of every command that takes --all or a filter in place of what it names. */
export type BulkFlags = {
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly timeout?: number;
};

/** A command for all that its filter finds, as data for runBulk. */
export type Bulk = {
  /** Asks the server how many the filter finds; `answer` is what it said, for --json. */
  readonly count: () => Promise<{
    readonly count: number;
    /** There may be more: the server counts only so far. */
    readonly more: boolean;
    readonly answer: object;
  }>;
  /** The name of what is counted: 'failed operation', 'failed operations'. */
  readonly nouns: { readonly one: string; readonly many: string };
  readonly words: BulkWords;
  /** What is good to know of so many before they are taken, as a sentence for stderr; null: nothing. */
  readonly remark?: (count: number) => Promise<string | null>;
  /** Starts the operation that does it. */
  readonly start: () => Promise<OperationHandle>;
};

export type BulkWords = {
  /** 'retry' */
  readonly verb: string;
  /** 'Retrying' */
  readonly doing: string;
  /** A sentence that stands before the question, where there is no way back; `them` may be 'it'. */
  readonly warning?: (them: string) => string;
};

/** `all`: what --all takes. */
export function withBulkOptions(command: Command, { all }: { readonly all: string }): Command {
  return command
    .option('--all', all)
    .option('--dry-run', 'only count what the filter finds')
    .option('-y, --yes', 'do not ask')
    .option(
      '--timeout <time>',
      'stop following after so long (exit code 8); it goes on',
      durationArgument,
    );
}

/**
 * Whether --all or a filter is given. Throws a UsageError when something is named as well, --all comes with a
 * filter, or nothing is said.
 */
export function isBulk<Flags extends BulkFlags>(
  flags: Flags,
  p: {
    readonly names: readonly string[];
    /** 'an operation', 'deliveries' */
    readonly nameable: string;
    /** The flag of this command that is no filter either. */
    readonly setting: keyof Flags & string;
  },
): boolean {
  const given = Object.keys(flags).filter((name) => flags[name as keyof Flags] !== undefined);
  if (p.names.length > 0) {
    if (given.length === 0) return false;
    throw new UsageError(`Name ${p.nameable}, or say --all or a filter; not both.`);
  }
  const settings = new Set<string>(['all', 'dryRun', 'yes', 'timeout', p.setting]);
  const isFiltered = given.some((name) => !settings.has(name));
  if (flags.all === true && isFiltered) {
    throw new UsageError('Say --all or a filter, not both: --all is without any.');
  }
  if (flags.all === true || isFiltered) return true;
  throw new UsageError(`Name ${p.nameable}, or say --all or a filter.`);
}

/** Counts, asks, and follows the operation that does it to its end as `run` does; returns the exit code. */
export async function runBulk(context: Context, flags: BulkFlags, bulk: Bulk): Promise<number> {
  const { output } = context;
  const { count, more, answer } = await bulk.count();
  const { one, many } = bulk.nouns;
  const least = more ? 'at least ' : '';
  const what = `${least}${count.toLocaleString('en')} ${count === 1 ? one : many}`;
  if (flags.dryRun === true) {
    if (output.json) output.resultJson(answer);
    else output.result(what);
    await tellRemark(context, bulk, count);
    return exitCodes.ok.code;
  }
  if (count === 0) {
    if (output.json) output.resultJson(answer);
    output.note(`No ${one} matches.`);
    await tellRemark(context, bulk, count);
    return exitCodes.ok.code;
  }
  await tellRemark(context, bulk, count);
  if (flags.yes !== true && !(await isAgreed(context, bulk.words, { isOne: count === 1, what }))) {
    output.note('Nothing was done.');
    return exitCodes.ok.code;
  }
  output.note(`${bulk.words.doing}: ${what}.`);
  const handle = await bulk.start();
  return followAndFinish(context, handle, { timeoutMs: flags.timeout, to: undefined });
}

/** Asks nothing of the server where nobody would read it. */
async function tellRemark({ output }: Context, { remark }: Bulk, count: number): Promise<void> {
  if (remark === undefined || output.json || output.quiet) return;
  const text = await remark(count);
  if (text !== null) output.note(text);
}

function isAgreed(
  { output }: Context,
  { verb, warning }: BulkWords,
  { isOne, what }: { readonly isOne: boolean; readonly what: string },
): Promise<boolean> {
  const them = isOne ? 'it' : 'them';
  const matches = `${capitalised(what)} match${isOne ? 'es' : ''}.`;
  const sentence = warning === undefined ? matches : `${matches} ${warning(them)}`;
  if (!output.json && canAsk()) return confirmed(`${sentence} ${capitalised(verb)} ${them}?`);
  throw new UsageError(
    `${sentence} Not a terminal: pass --yes to ${verb} ${them}, --dry-run to only count.`,
  );
}

export function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}
