import { NetworkError, OperationFailed, ProblemError, WaitTimeout } from '../client/problem.ts';
import { RaincheckError } from '../core/errors.ts';
import { commandName } from '../server/command-name.ts';
import { Unreachable } from './context.ts';
import { exitCodeOfError, UsageError } from './exit-codes.ts';
import { openOutput } from './output.ts';
import { safeLine, safeText } from './terminal-text.ts';

/** Tells an error on stderr, for people or (--json) as one object, and gives its exit code. */
export function reportError(
  error: unknown,
  p: { readonly json: boolean; readonly url: string },
): number {
  const output = openOutput({ json: p.json });
  const code = exitCodeOfError(error);
  if (p.json) {
    output.problem(JSON.stringify({ error: { ...jsonOf(error), exit_code: code } }));
  } else {
    const [first = '', ...more] = linesOf(error, p.url);
    output.problem([`${output.style('red', '✖')} ${first}`, ...more].join('\n'));
  }
  return code;
}

function linesOf(error: unknown, url: string): string[] {
  if (error instanceof Unreachable) {
    return [
      `No Raincheck server answers at ${url} (${safeLine(error.message)}).`,
      `  Is it running? Start one with: ${commandName()} dev`,
      '  Somewhere else? Name it with --url or RAINCHECK_URL.',
    ];
  }
  if (error instanceof ProblemError) return problemLines(error, url);
  if (error instanceof UsageError && error.hint !== null) {
    return [safeText(error.message), `  ${error.hint}`];
  }
  if (isExpected(error)) return [safeText(error.message)];
  // A fault of our own: the stack is what a report needs.
  return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
}

function isExpected(error: unknown): error is Error {
  const classes = [UsageError, RaincheckError, NetworkError, OperationFailed, WaitTimeout];
  if (classes.some((one) => error instanceof one)) return true;
  // Files that cannot be read or written: the system's own words are the best there are.
  return error instanceof Error && 'syscall' in error;
}

function problemLines(error: ProblemError, url: string): string[] {
  const { problem } = error;
  const errors = (problem.errors ?? []).map(
    ({ pointer, detail }) => [fieldName(pointer), safeLine(detail)] as const,
  );
  // The detail repeats the first field, for those who see nothing else.
  const isTitleEnough = problem.detail === '' || errors.length > 0;
  const lines = [safeLine(isTitleEnough ? problem.title : problem.detail)];
  const width = Math.max(0, ...errors.map(([field]) => field.length));
  for (const [field, detail] of errors) lines.push(`    ${field.padEnd(width)}  ${detail}`);
  if (error.status === 401) {
    lines.push('  Give the token in RAINCHECK_TOKEN or in a file named by --token-file.');
  }
  // Not one thing is missing, but everything: it is another server, or another base path.
  const isServerInDoubt =
    error.code === null || (error.code === 'not_found' && !isOfWebhooks(error));
  if (error.status === 404 && isServerInDoubt) {
    lines.push(`  Is ${url} the address of a Raincheck server, with its base path?`);
  }
  return lines;
}

/** Whether the server says that it sends none: then it is the one that was meant. */
function isOfWebhooks({ problem }: ProblemError): boolean {
  return problem.detail === 'This server sends no webhooks.';
}

/** A JSON pointer as it is typed on the command line: '/date_range/start' is date_range.start. */
export function fieldName(pointer: string): string {
  if (pointer === '' || pointer === '/') return '(input)';
  return safeLine(
    pointer
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~').replaceAll('.', '\\.'))
      .join('.'),
  );
}

function jsonOf(error: unknown): Record<string, unknown> {
  if (error instanceof ProblemError) return { ...error.problem };
  const detail = error instanceof Error ? error.message : String(error);
  if (error instanceof Unreachable) return { code: 'unreachable', detail };
  if (error instanceof UsageError) return { code: 'usage', detail };
  const code = error instanceof RaincheckError || error instanceof OperationFailed;
  return { code: code ? error.code : 'error', detail };
}
