import type { Command } from 'commander';
import { formatDuration } from '../core/duration.ts';
import type { WireAttempt, WireOperation, WireOperationWebhook } from '../core/wire-operation.ts';
import { acting, operationNamed, type Context, type Shell } from './context.ts';
import { estimateText } from './estimate-text.ts';
import { exitCodes } from './exit-codes.ts';
import { printRows } from './listing.ts';
import { wholeSeconds } from './progress-line.ts';
import { tellStalled } from './stalled.ts';
import { deliveryStateText } from './webhook-text.ts';

export function addStatus(program: Command, shell: Shell): void {
  program
    .command('status')
    .description('show an operation as it is now (exit code 0 whatever its state)')
    .argument('<operation>', 'id or status address')
    .action(
      acting(shell, async (context, command) => {
        const operation = await operationNamed(context, command.args[0]).status();
        printStatus(context, operation);
        tellStalled(context, operation);
        return exitCodes.ok.code;
      }),
    );
}

/** Prints the operation in a few aligned lines, or as it is on the wire with --json. */
export function printStatus(context: Context, operation: WireOperation): void {
  const { output, transport } = context;
  if (output.json) return output.resultJson(operation);
  const address = (path: string | null): string | null =>
    path === null ? null : transport.address(path).href;
  const rows: readonly (readonly [string, string | null])[] = [
    ['operation', operation.id],
    ['task', operation.task],
    ['status', statusText(operation)],
    ['progress', operation.status === 'completed' ? null : progressOf(operation)],
    ['created', whenText(operation.created_at, transport.serverNow())],
    ['started', whenText(operation.started_at, transport.serverNow())],
    [operation.attempt > 0 ? 'retries' : 'starts', laterText(operation, transport.serverNow())],
    ['estimate', estimateText(operation, transport.serverNow())?.full ?? null],
    ['finished', whenText(operation.finished_at, transport.serverNow())],
    ['took', tookText(operation)],
    [
      'error',
      operation.error === null ? null : `${operation.error.code}: ${operation.error.detail}`,
    ],
    ...(operation.attempts ?? operation.error?.attempts ?? []).map(
      (one) => [`attempt ${one.number}`, attemptText(one)] as const,
    ),
    [
      'labels',
      Object.entries(operation.labels)
        .map((pair) => pair.join('='))
        .join(' ') || null,
    ],
    ['repeats', operation.retry_of],
    ['webhook', webhookText(operation.webhook ?? null, transport.serverNow())],
    ['sent to', operation.webhook?.url ?? null],
    ['delivery', operation.webhook?.delivery_id ?? null],
    ['expires', operation.expires_at],
    ['address', address(operation.status_url)],
    ['result', address(operation.result_url)],
  ];
  printRows(context, rows);
}

function attemptText({ outcome, error }: WireAttempt): string {
  if (error !== null && error.detail !== '') return `${outcome}: ${error.detail}`;
  if (outcome === 'lost') return 'lost: its worker died; not counted';
  return outcome === 'released' ? 'released: its worker stopped; not counted' : outcome;
}

function statusText(operation: WireOperation): string {
  const { attempt, attempts_max: max } = operation;
  const cancelling = operation.cancel_requested_at !== null && operation.finished_at === null;
  const attempts = attempt === 0 ? '' : ` (attempt ${attempt} of ${max})`;
  return `${operation.status}${attempts}${cancelling ? ', cancel requested' : ''}`;
}

/** '42% page 42', '12 of 20'; null when nothing was reported. */
export function progressOf(operation: WireOperation): string | null {
  const { progress } = operation;
  if (progress === null) return null;
  const { fraction, message, current, total } = progress;
  const parts = [
    fraction === null ? null : `${Math.floor(fraction * 100)}%`,
    current === null || total === null ? null : `${current} of ${total}`,
    message,
  ];
  return parts.filter((part) => part !== null && part !== '').join(' · ') || null;
}

/** How far the webhook to the address that the request named has come. */
function webhookText(webhook: WireOperationWebhook | null, now: number): string | null {
  if (webhook === null) return null;
  const { state, delivery_id: id } = webhook;
  if (state === 'waiting') return 'waits for the end of the operation';
  if (id === null) return 'nothing was sent, or it is forgotten by now';
  return deliveryStateText(webhook, now);
}

function whenText(instant: string | null, now: number): string | null {
  if (instant === null) return null;
  return `${instant} (${wholeSeconds(now - Date.parse(instant))} ago)`;
}

function laterText(operation: WireOperation, now: number): string | null {
  const inMs = Date.parse(operation.ready_at ?? '') - now;
  return operation.status === 'pending' && inMs > 0 ? `in ${wholeSeconds(inMs)}` : null;
}

function tookText(operation: WireOperation): string | null {
  if (operation.finished_at === null) return null;
  return formatDuration(Date.parse(operation.finished_at) - Date.parse(operation.created_at));
}
