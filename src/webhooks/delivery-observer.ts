/**
 * Told of attempts to deliver, once how they ended is recorded. `failed`: it will be sent again; `given_up`: it will not.
 * Must not throw.
 */
export type DeliveryObserver = (p: {
  readonly outcome: 'delivered' | 'failed' | 'given_up';
  readonly ms: number;
}) => void;
