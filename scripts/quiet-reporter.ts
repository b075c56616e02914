import path from 'node:path';
import { inspect } from 'node:util';
import type { TestEvent } from 'node:test/reporters';

type Failure = Extract<TestEvent, { type: 'test:fail' }>['data'];

/**
 * A reporter for node:test that is silent about success. It prints a dot for each test file, then
 * every failure with the output of its file, then Node's summary lines (`# tests 12` …).
 */
export async function* quietReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failures: Failure[] = [];
  const summary: string[] = [];
  const outputs = new Map<string, string>();
  let dots = 0;
  for await (const event of source) {
    if (event.type === 'test:fail') {
      if (isCause(event.data)) failures.push(event.data);
    } else if (event.type === 'test:stdout' || event.type === 'test:stderr') {
      const file = path.resolve(event.data.file);
      outputs.set(file, (outputs.get(file) ?? '') + event.data.message);
    } else if (event.type === 'test:diagnostic') {
      // The run's own totals have no file. Anything else is a diagnostic of a test.
      const { file, nesting, message } = event.data;
      if (nesting === 0 && file === undefined) summary.push(`# ${message}\n`);
    } else if (event.type === 'test:summary' && event.data.file !== undefined) {
      dots += 1;
      yield event.data.success ? '.' : 'x';
    }
  }
  if (dots > 0) yield '\n';
  for (const failure of failures) yield described(failure);
  yield* printedBy(failures, outputs);
  yield* summary;
}

/** Whether this failed by itself, not only because a test inside it did. */
function isCause(failure: Failure): boolean {
  const { failureType } = failure.details.error as Error & { failureType?: string };
  return failureType !== 'subtestsFailed' && failure.todo !== true;
}

function described(failure: Failure): string {
  const place = failure.file === undefined ? '' : ` (${relative(failure.file)}:${failure.line})`;
  const { cause } = failure.details.error;
  const text = inspect(cause ?? failure.details.error, { depth: 6 }).replaceAll(
    /^ +at .*\((?:node:|file:.*\/node_modules\/).*\n/gm,
    '',
  );
  return `\n✖ ${failure.name}${place}\n${text.replaceAll(/^/gm, '  ')}\n`;
}

function* printedBy(failures: Failure[], outputs: Map<string, string>): Generator<string> {
  for (const file of new Set(failures.map((failure) => path.resolve(failure.file ?? '')))) {
    const output = outputs.get(file);
    if (output !== undefined) yield `\nPrinted by ${relative(file)}:\n${output}\n`;
  }
}

function relative(file: string): string {
  return path.relative(process.cwd(), file);
}
