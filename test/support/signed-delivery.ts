import { Webhook } from 'standardwebhooks';
import type { WireOperation } from '../../src/core/wire-operation.ts';
import type { WireOperationEvent } from '../../src/core/wire-webhook.ts';
import { completed } from './wire-samples.ts';

export const sampleSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
export const otherSecret = `whsec_${Buffer.alloc(32, 8).toString('base64')}`;

export type SignedDelivery = {
  readonly id: string;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** The event of an operation that ended, as a server sends it. */
export function operationEvent(operation: WireOperation = completed({ ok: true })) {
  const { operation_id, status, result_url, error } = operation;
  return {
    type: status === 'failed' ? 'operation.failed' : 'operation.completed',
    timestamp: operation.finished_at ?? operation.created_at,
    operation_id,
    status,
    result_url,
    error,
    data: { operation },
  } satisfies WireOperationEvent;
}

/** A delivery signed by the reference library, now unless said otherwise. */
export function signedDelivery(
  p: {
    readonly id?: string;
    readonly secret?: string;
    readonly event?: object;
    /** The body as it is, instead of `event`. */
    readonly body?: string;
    readonly at?: Date;
  } = {},
): SignedDelivery {
  const id = p.id ?? 'msg_01M833QKVJTQ91318PAAN2267W';
  const body = p.body ?? JSON.stringify(p.event ?? operationEvent());
  const at = p.at ?? new Date();
  return {
    id,
    body,
    headers: {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(p.secret ?? sampleSecret).sign(id, at, body),
    },
  };
}
