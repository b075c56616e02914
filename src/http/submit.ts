import type { WebhookTarget } from '../core/delivery.ts';
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
  shownOperation,
  type MutableReply,
} from './wire.ts';

/** An empty body means the empty object, for every task, so that `curl -X POST …/tick` works. */
const emptyBody: JsonBody = { bytes: new Uint8Array(0), text: '{}', value: {} };

/**
 * `POST {task.path}`, and `POST {task.path}/async`, which never waits. `answerWithoutStoring` may look at the
 * input (without its webhook members) and answer the request itself.
 */
export async function submit(
  context: HttpContext,
  request: ExchangeRequest,
  p: {
    readonly task: string;
    readonly mayWait: boolean;
    readonly answerWithoutStoring?: (input: unknown) => Promise<ExchangeReply> | null;
  },
): Promise<ExchangeReply> {
  const given = await readGiven(context, request, p.task);
  const answer =
    given.replay === null ? (p.answerWithoutStoring?.(given.input.value) ?? null) : null;
  if (answer !== null) return answer;
  const taken = await take(context, request, { task: p.task, given });
  const header = request.header('prefer');
  if (header === undefined) return accepted(context, request, taken);
  const preferences = parsePrefer(header);
  return p.mayWait && preferences.waitSeconds !== null
    ? submittedAndWaited(context, request, { ...taken, preferences })
    : withPreference(await accepted(context, request, taken), preferences, false);
}

/**
 * As submit(), but never waits. For the views, which show the returned operation in their own form.
 */
export async function submitForView(
  context: HttpContext,
  request: ExchangeRequest,
  task: string,
): Promise<{ readonly operation: Operation; readonly reply: MutableReply }> {
  const given = await readGiven(context, request, task);
  const taken = await take(context, request, { task, given });
  const reply = await accepted(context, request, taken);
  const preferences = parsePrefer(request.header('prefer'));
  return { operation: taken.operation, reply: withPreference(reply, preferences, false) };
}

type Given = {
  /** The fingerprint covers the body as it came, webhook members included. */
  readonly idempotency: { readonly key: string; readonly fingerprint: string } | undefined;
  readonly options: ReturnType<typeof parseSubmitOptions>;
  readonly input: { readonly value: unknown; readonly text: string };
  readonly webhook: WebhookTarget | undefined;
  /**
   * The operation that an earlier request with this key made, when this request itself would be
   * refused now.
   */
  readonly replay: Operation | null;
};

/** Reads and checks everything in a submit, headers and query first. Nothing is stored yet. */
async function readGiven(
  context: HttpContext,
  request: ExchangeRequest,
  task: string,
): Promise<Given> {
  const key = parseIdempotencyKey(request.header('idempotency-key'));
  const options = parseSubmitOptions(request.query, context.engine.clock.now());
  const body = (await readJsonBody(request, context.bodyBytesMax)) ?? emptyBody;
  const idempotency =
    key === null
      ? undefined
      : { key, fingerprint: fingerprint({ task, body: body.bytes, options: options.canonical }) };
  const given = { idempotency, options, input: body, webhook: undefined, replay: null };
  if (!asksForWebhook(body.value)) {
    refuseMisspeltWebhook(context.engine.tasks.get(task), body.value);
    return given;
  }
  try {
    const { input, target } = await withoutWebhook(context, body.value);
    return { ...given, input, webhook: target };
  } catch (error) {
    // A name that does not resolve now may have resolved for the first of these requests, whose
    // answer was lost.
    const replay = idempotency && (await context.engine.findReplay({ task, tenant, idempotency }));
    if (!replay) throw error;
    return { ...given, replay };
  }
}

type Taken = { readonly operation: Operation; readonly replayed: boolean };

function take(
  context: HttpContext,
  request: ExchangeRequest,
  { task, given }: { readonly task: string; readonly given: Given },
): Promise<Taken> {
  const { idempotency, options, input, webhook, replay } = given;
  if (replay !== null) return Promise.resolve({ operation: replay, replayed: true });
  return context.engine.submit({
    task,
    tenant,
    input,
    idempotency,
    priority: options.priority,
    notBefore: options.notBefore,
    deadlineAt: options.deadlineAt,
    labels: options.labels,
    traceparent: traceparent(request.header('traceparent')),
    webhook,
  });
}

function accepted(
  context: HttpContext,
  request: ExchangeRequest,
  p: Taken,
): MutableReply | Promise<MutableReply> {
  const { operation } = p;
  const located = (reply: MutableReply): MutableReply =>
    withOperationLocation(context, request, { reply, id: operation.id });
  return p.replayed
    ? replayedReply(context, operation).then(located)
    : located(acceptedReply(context, shownOperation(context, operation)));
}

async function submittedAndWaited(
  context: HttpContext,
  request: ExchangeRequest,
  p: Taken & { readonly preferences: Preferences },
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
): MutableReply {
  const applied = preferenceApplied(preferences, { async: true, wait });
  if (applied !== null) reply.headers['preference-applied'] = applied;
  return reply;
}

const traceparentPattern = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** W3C trace context; malformed values are ignored, as the standard asks. */
function traceparent(header: string | undefined): string | undefined {
  return header !== undefined && traceparentPattern.test(header) ? header : undefined;
}
