import { formatDuration } from '../core/duration.ts';
import type { Style } from './output.ts';
import { safeLine } from './terminal-text.ts';
import type { ReceivedDelivery } from './webhook-receiver.ts';

/**
 * A delivery that `listen` received, for people:
 *
 *   19:05:12  operation.completed  op_01M833QKVJTQ91318PAAN2267W  completed
 *             id         msg_01M833QKVJTQ91318PAAN2267W, attempt 2, 5.0 s after 500
 *             signature  ✔
 *             result     /countdown/op_01M833QKVJTQ91318PAAN2267W
 *             answered   200 in 2 ms
 */
export function deliveryText(
  delivery: ReceivedDelivery,
  style: (format: Style, text: string) => string,
): string {
  const { event, answer } = delivery;
  const time = new Date(delivery.receivedAt).toTimeString().slice(0, 8);
  const status = member(event, 'status');
  const head = [
    style('dim', time),
    style('bold', member(event, 'type') ?? (event === null ? '(no JSON object)' : '(no type)')),
    member(event, 'operation_id'),
    status === null ? null : style(status === 'failed' ? 'red' : 'green', status),
  ];
  const fields = {
    id: `${delivery.id === null ? '(none)' : safeLine(delivery.id)}, ${attemptText(delivery)}`,
    signature: signatureText(delivery, style),
    result: member(event, 'result_url'),
    error: errorText(event),
    answered: answerText(answer, style),
  };
  const lines = Object.entries(fields).filter(([, text]) => text !== null);
  return [
    head.filter((part) => part !== null).join('  '),
    ...lines.map(([name, text]) => `          ${style('dim', name.padEnd(9))}  ${text}`),
  ].join('\n');
}

/** The delivery for programs. */
export function deliveryJson(delivery: ReceivedDelivery): object {
  const { seen, signature, answer, event } = delivery;
  return {
    kind: 'delivery',
    received_at: new Date(delivery.receivedAt).toISOString(),
    id: delivery.id,
    type: event?.['type'] ?? null,
    operation_id: event?.['operation_id'] ?? null,
    status: event?.['status'] ?? null,
    attempt: seen.attempt,
    duplicate: seen.duplicate,
    same_body: seen.sameBody,
    bytes: delivery.bytes,
    signature,
    answer: { status: answer.status, reason: answer.reason, took_ms: answer.tookMs },
    event,
  };
}

function attemptText({ seen, receivedAt }: ReceivedDelivery): string {
  const { attempt, before, duplicate, sameBody } = seen;
  if (before === null) return 'first attempt';
  const ago = formatDuration(receivedAt - before.at);
  const status = before.status === null ? 'one that is not answered yet' : String(before.status);
  const which = duplicate ? `attempt ${attempt}, a duplicate` : `attempt ${attempt}`;
  return `${which}, ${ago} after ${status}${sameBody ? '' : ', with other bytes than the first'}`;
}

function signatureText(
  { signature }: ReceivedDelivery,
  style: (format: Style, text: string) => string,
): string {
  switch (signature.state) {
    case 'valid':
      return style('green', '✔');
    case 'invalid':
      return `${style('red', `✖ ${signature.code}`)} ${signature.detail}`;
    case 'unchecked':
      return `not checked: ${signature.detail}`;
  }
}

function answerText(
  { status, reason, tookMs }: ReceivedDelivery['answer'],
  style: (format: Style, text: string) => string,
): string {
  const shown = style(status >= 200 && status < 300 ? 'green' : 'red', String(status));
  return `${shown} in ${formatDuration(tookMs)}${reason === null ? '' : ` (${safeLine(reason)})`}`;
}

/** Code and detail of a failed operation. */
function errorText(event: ReceivedDelivery['event']): string | null {
  const error = event?.['error'];
  if (typeof error !== 'object' || error === null) return null;
  const { code, detail } = error as { code?: unknown; detail?: unknown };
  const parts = [code, detail].filter((part) => typeof part === 'string' && part !== '');
  return parts.length === 0 ? null : safeLine(parts.join(': '));
}

function member(event: ReceivedDelivery['event'], name: string): string | null {
  const value = event?.[name];
  return typeof value === 'string' ? safeLine(value) : null;
}
