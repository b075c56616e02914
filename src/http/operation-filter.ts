import { outcomeCodes } from '../core/errors.ts';
import { isInputPath } from '../core/input-path.ts';
import { limits } from '../core/limits.ts';
import { operationStatuses, statesOf } from '../core/operation.ts';
import type { OperationFilter } from '../engine/engine.ts';
import { tenant } from './context.ts';
import { invalid, parseLabels, parseTime, parseWord, parseWords, single } from './query.ts';

/** The filters of `GET /operations`. An empty `q` or `error` does not filter. */
export function parseOperationFilter(parameters: URLSearchParams, now: number): OperationFilter {
  return {
    tenant,
    states: parseWords(parameters, 'status', operationStatuses)?.flatMap(statesOf),
    task: single(parameters, 'task') ?? undefined,
    labels: parseLabels(parameters) ?? undefined,
    code: parseWord(parameters, 'code', outcomeCodes),
    since: parseTime(parameters, 'since', now),
    until: parseTime(parameters, 'until', now),
    text: parsePart(parameters, 'q'),
    input: parseMembers(parameters) ?? undefined,
    error: parsePart(parameters, 'error'),
  };
}

function parsePart(parameters: URLSearchParams, name: string): string | undefined {
  const text = single(parameters, name);
  if (text === null || text === '') return undefined;
  if (text.length <= limits.filterTextChars) return text;
  throw invalid(`Expected \`${name}\` to be at most ${limits.filterTextChars} characters.`);
}

const prefix = 'input.';

/** The filters `input.{path}={value}`; null when there are none. */
function parseMembers(parameters: URLSearchParams): Readonly<Record<string, string>> | null {
  const members = new Map<string, string>();
  for (const name of new Set(parameters.keys())) {
    if (!name.startsWith(prefix)) continue;
    const path = name.slice(prefix.length);
    if (!isInputPath(path) || path.length > limits.filterTextChars) {
      throw invalid(
        'Expected `input.` to be followed by names with dots between them, like `input.user.id`: ' +
          "letters, digits, '_', '$' and '-', a digit or '-' not first.",
      );
    }
    members.set(path, parsePart(parameters, name) ?? '');
    if (members.size > limits.filterInputs) {
      throw invalid(`Give at most ${limits.filterInputs} members of the input.`);
    }
  }
  return members.size === 0 ? null : Object.fromEntries(members);
}
