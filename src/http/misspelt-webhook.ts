import { RaincheckError } from '../core/errors.ts';
import { jsonPointer } from '../core/json-pointer.ts';
import { editDistance } from '../core/suggest.ts';
import type { Task } from '../engine/task.ts';
import { reservedMembers } from './submitted-webhook.ts';

/** Letters that may differ. `webhook` is short; with two it would match `webhookId`. */
const slipsMax = { webhook_url: 2, webhook: 1 } as const;
const charsMin = 'webhook'.length - slipsMax.webhook;
const charsMax = 'webhook_url'.length + slipsMax.webhook_url;
/** Members that are compared. Every submit pays for this check, and a body may have thousands. */
const comparedMax = 20;

/**
 * Refuses typos like `"webhook_ulr": "…"`. Most validators drop unknown members, so the submit
 * would be answered with 202 and no webhook would ever be sent. Only tasks whose schema lists its
 * members are checked, and only members that it does not list; where a handler may see the member,
 * it may have a meaning. Throws `validation_failed`.
 */
export function refuseMisspeltWebhook(task: Task | undefined, value: unknown): void {
  const known = knownMembers(task?.inputJsonSchema ?? null);
  if (known === null || typeof value !== 'object' || value === null) return;
  let compared = 0;
  for (const name of Object.keys(value)) {
    if (name.length < charsMin || name.length > charsMax || Object.hasOwn(known, name)) continue;
    const meant = reservedMembers.find((member) => isSlipOf(member, name));
    if (meant !== undefined) throw misspelt(name, meant);
    compared += 1;
    if (compared === comparedMax) return;
  }
}

/** The members listed by the schema. null: others reach the handler too, or nobody can tell. */
function knownMembers(schema: Readonly<Record<string, unknown>> | null): object | null {
  if (schema === null || schema['patternProperties'] !== undefined) return null;
  const { properties, additionalProperties: others = false } = schema;
  return typeof properties === 'object' && others === false ? properties : null;
}

function isSlipOf(member: (typeof reservedMembers)[number], name: string): boolean {
  return editDistance(name.toLowerCase(), member) <= slipsMax[member];
}

function misspelt(name: string, meant: string): RaincheckError {
  const pointer = jsonPointer([name]);
  const detail = `No field of this task. Did you mean \`${meant}\`?`;
  return new RaincheckError('validation_failed', `${pointer}: ${detail}`, {
    errors: [{ pointer, detail }],
  });
}
