/**
 * Called once for each delivery attempt, after its end is recorded. `failed`: the delivery will be
 * sent again; `given_up`: it will not. Must not throw.
 */
export type DeliveryObserver = (p: {
  readonly outcome: 'delivered' | 'failed' | 'given_up';
  readonly ms: number;
}) => void;
