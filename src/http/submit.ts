import { RaincheckError } from '../core/errors.ts';
import { isFinal, type Operation } from '../core/operation.ts';
import type { Task } from '../engine/task.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { fingerprint, parseIdempotencyKey } from './idempotency-key.ts';
import { readJsonBody, type JsonBody } from './json-body.ts';
import { parsePrefer, preferenceApplied, type Preferences } from './prefer.ts';
import { parseSubmitOptions } from './query.ts';
import { finalResultReply } from './results.ts';
import {
  acceptedReply,
  replayedReply,
  resultUrl,
  statusUrl,
  view,
  type MutableReply,
} from './wire.ts';

/** No body at all is the empty object, for every task: `curl -X POST …/tick` just works. */
const emptyBody: JsonBody = { bytes: new Uint8Array(0), text: '{}', value: {} };

/** `POST {task.path}` and `POST {task.path}/async`, which never waits. */
export async function submit(
  context: HttpContext,
  request: ExchangeRequest,
  p: { readonly task: Task; readonly mayWait: boolean },
): Promise<ExchangeReply> {
  const { engine } = context;
  const key = parseIdempotencyKey(request.header('idempotency-key'));
  const options = parseSubmitOptions(request.query, engine.clock.now());
  const body = (await readJsonBody(request, context.bodyBytesMax)) ?? emptyBody;
  refuseReservedMembers(body.value);
  const task = p.task.name;
  const { operation, replayed } = await engine.submit({
    task,
    tenant,
    input: body,
    idempotency:
      key === null
        ? undefined
        : { key, fingerprint: fingerprint({ task, body: body.bytes, options: options.canonical }) },
    priority: options.priority,
    notBefore: options.notBefore,
    deadlineAt: options.deadlineAt,
    labels: options.labels,
    traceparent: traceparent(request.header('traceparent')),
  });
  const header = request.header('prefer');
  if (header === undefined) return accepted(context, operation, replayed);
  const preferences = parsePrefer(header);
  return p.mayWait && preferences.waitSeconds !== null
    ? submittedAndWaited(context, request, { operation, replayed, preferences })
    : withPreference(await accepted(context, operation, replayed), preferences, false);
}

function accepted(
  context: HttpContext,
  operation: Operation,
  replayed: boolean,
): MutableReply | Promise<MutableReply> {
  return replayed
    ? replayedReply(context, operation)
    : acceptedReply(context, view(context, operation));
}

async function submittedAndWaited(
  context: HttpContext,
  request: ExchangeRequest,
  p: {
    readonly operation: Operation;
    readonly replayed: boolean;
    readonly preferences: Preferences;
  },
): Promise<ExchangeReply> {
  const latest = isFinal(p.operation.state)
    ? p.operation
    : await context.engine.waitFor({
        id: p.operation.id,
        tenant,
        until: 'final',
        version: p.operation.version,
        timeoutMs: (p.preferences.waitSeconds ?? 0) * 1000,
        signal: request.signal,
      });
  if (!isFinal(latest.state)) {
    return withPreference(await accepted(context, latest, p.replayed), p.preferences, true);
  }
  const reply = await finalResultReply(context, latest);
  const headers: Record<string, string> = {
    ...reply.headers,
    'content-location': resultUrl(context, latest),
    location: statusUrl(context, latest.id),
  };
  if (p.replayed) headers['idempotent-replayed'] = 'true';
  const applied = preferenceApplied(p.preferences, { async: false, wait: true });
  if (applied !== null) headers['preference-applied'] = applied;
  return { ...reply, headers };
}

function withPreference(
  reply: MutableReply,
  preferences: Preferences,
  wait: boolean,
): ExchangeReply {
  const applied = preferenceApplied(preferences, { async: true, wait });
  if (applied !== null) reply.headers['preference-applied'] = applied;
  return reply;
}

/** Reserved for webhooks. As long as there are none, silence would be a promise nobody keeps. */
const reservedMembers = ['webhook_url', 'webhook'] as const;

function refuseReservedMembers(value: unknown): void {
  if (typeof value !== 'object' || value === null) return;
  for (const member of reservedMembers) {
    if (!Object.hasOwn(value, member)) continue;
    throw new RaincheckError(
      'validation_failed',
      `\`${member}\` is reserved for webhooks, which this version does not send yet: leave it out and read the status instead.`,
      { errors: [{ pointer: `/${member}`, detail: 'Webhooks are not supported yet.' }] },
    );
  }
}

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C trace context; a malformed one is to be ignored. */
function traceparent(header: string | undefined): string | undefined {
  return header !== undefined && traceparentPattern.test(header) ? header : undefined;
}
