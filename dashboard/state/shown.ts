import type { DeliveryState, WireOperation } from 'raincheck/client';

/** States as people see them: a shape, a word and a tone, never only a colour. */
export type Shown = { readonly shape: Shape; readonly word: string; readonly tone: Tone };
export type Shape =
  | 'hollow'
  | 'clock'
  | 'half'
  | 'check'
  | 'cross'
  | 'dash'
  | 'loop'
  | 'pause'
  | 'dot'
  | 'warn';
export type Tone = 'wait' | 'run' | 'good' | 'bad' | 'warn' | 'off';

/** The state of an operation. Finer than the four statuses, to show what it waits for. */
export function shownOperation(operation: WireOperation): Shown {
  switch (operation.status) {
    case 'pending':
      if (operation.ready_at === null) return { shape: 'hollow', word: 'Waiting', tone: 'wait' };
      return operation.attempt > 0
        ? { shape: 'loop', word: 'Retrying', tone: 'warn' }
        : { shape: 'clock', word: 'Delayed', tone: 'wait' };
    case 'processing':
      return operation.cancel_requested_at === null
        ? { shape: 'half', word: 'Running', tone: 'run' }
        : { shape: 'half', word: 'Cancelling', tone: 'warn' };
    case 'completed':
      return { shape: 'check', word: 'Completed', tone: 'good' };
    case 'failed':
      return operation.error?.code === 'cancelled'
        ? { shape: 'dash', word: 'Cancelled', tone: 'off' }
        : { shape: 'cross', word: 'Failed', tone: 'bad' };
  }
}

const deliveries: Readonly<Record<DeliveryState, Shown>> = {
  pending: { shape: 'hollow', word: 'Waiting', tone: 'wait' },
  sending: { shape: 'half', word: 'Sending', tone: 'run' },
  delivered: { shape: 'check', word: 'Delivered', tone: 'good' },
  held: { shape: 'pause', word: 'Held', tone: 'warn' },
  dead: { shape: 'cross', word: 'Dead', tone: 'bad' },
  cancelled: { shape: 'dash', word: 'Cancelled', tone: 'off' },
  expired: { shape: 'clock', word: 'Expired', tone: 'off' },
};

export function shownDelivery(state: DeliveryState): Shown {
  return deliveries[state];
}

export function isFinalOperation(operation: WireOperation): boolean {
  return operation.status === 'completed' || operation.status === 'failed';
}
