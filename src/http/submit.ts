import { isFinal, type Operation } from '../core/operation.ts';
import { tenant, type HttpContext } from './context.ts';
import type { ExchangeReply, ExchangeRequest } from './exchange.ts';
import { fingerprint, parseIdempotencyKey } from './idempotency-key.ts';
import { readJsonBody, type JsonBody } from './json-body.ts';
import { withOperationLocation } from './operation-location.ts';
import { parsePrefer, preferenceApplied, type Preferences } from './prefer.ts';
import { parseSubmitOptions } from './query.ts';
import { refuseMisspeltWebhook } from './misspelt-webhook.ts';
import { finalResultReply } from './results.ts';
import { asksForWebhook, withoutWebhook } from './submitted-webhook.ts';
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

/**
 * `POST {task.path}` and `POST {task.path}/async`, which never waits. `instead` may look at the input, without what it
 * asks of webhooks, and answer itself.
 */
export async function submit(
  context: HttpContext,
  request: ExchangeRequest,
  p: {
    readonly task: string;
    readonly mayWait: boolean;
    readonly instead?: (input: unknown) => Promise<ExchangeReply> | null;
  },
): Promise<ExchangeReply> {
  const { engine } = context;
  const key = parseIdempotencyKey(request.header('idempotency-key'));
  const options = parseSubmitOptions(request.query, engine.clock.now());
  const body = (await readJsonBody(request, context.bodyBytesMax)) ?? emptyBody;
  const asked = asksForWebhook(body.value) ? await withoutWebhook(context, body.value) : null;
  if (asked === null) refuseMisspeltWebhook(engine.tasks.get(p.task), body.value);
  const input = asked?.input ?? body;
  const answer = p.instead?.(input.value) ?? null;
  if (answer !== null) return answer;
  const { task } = p;
  const { operation, replayed } = await engine.submit({
    task,
    tenant,
    input,
    idempotency:
      key === null
        ? undefined
        : { key, fingerprint: fingerprint({ task, body: body.bytes, options: options.canonical }) },
    priority: options.priority,
    notBefore: options.notBefore,
    deadlineAt: options.deadlineAt,
    labels: options.labels,
    traceparent: traceparent(request.header('traceparent')),
    webhook: asked?.target,
  });
  const header = request.header('prefer');
  if (header === undefined) return accepted(context, request, { operation, replayed });
  const preferences = parsePrefer(header);
  return p.mayWait && preferences.waitSeconds !== null
    ? submittedAndWaited(context, request, { operation, replayed, preferences })
    : withPreference(await accepted(context, request, { operation, replayed }), preferences, false);
}

function accepted(
  context: HttpContext,
  request: ExchangeRequest,
  p: { readonly operation: Operation; readonly replayed: boolean },
): MutableReply | Promise<MutableReply> {
  const { operation } = p;
  const located = (reply: MutableReply): MutableReply =>
    withOperationLocation(context, request, { reply, id: operation.id });
  return p.replayed
    ? replayedReply(context, operation).then(located)
    : located(acceptedReply(context, view(context, operation)));
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
    const reply = await accepted(context, request, { operation: latest, replayed: p.replayed });
    return withPreference(reply, p.preferences, true);
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

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C trace context; a malformed one is to be ignored. */
function traceparent(header: string | undefined): string | undefined {
  return header !== undefined && traceparentPattern.test(header) ? header : undefined;
}
