import { type AttemptResult, type Delivery, type DeliveryState } from './delivery.ts';
import type { Endpoint } from './endpoint.ts';
import { newHealth } from './endpoint-health.ts';
import { limits } from './limits.ts';

export const now = 1_800_000_000_000;
export const token = 'token-1';

export const pending: Delivery = {
  id: 'msg_01JDZ00000000000000000000A',
  tenant: 'acme',
  endpointId: 'ep_01JDZ00000000000000000000A',
  operationId: 'op_01JDZ00000000000000000000A',
  event: 'operation.completed',
  url: 'https://hooks.example.com/x?y=1',
  state: 'pending',
  version: 4,
  createdAt: now - 60_000,
  attempts: 2,
  failures: 1,
  failuresMax: 3,
  nextAt: now - 5,
  nextReason: 'schedule step 1 ±20 %',
  trigger: 'schedule',
  lease: null,
  lastStatus: 500,
  lastError: 'http_500',
  expiresAt: now + 3_600_000,
  finishedAt: null,
  removeAt: null,
};

const waitsNoMore = { nextAt: null, nextReason: null } as const;

export const sending: Delivery = {
  ...pending,
  ...waitsNoMore,
  state: 'sending',
  lease: { token, worker: 'w1', expiresAt: now + 10_000 },
};

function over(state: DeliveryState, keptMs: number): Delivery {
  const finishedAt = now - 1_000;
  return { ...pending, ...waitsNoMore, state, finishedAt, removeAt: finishedAt + keptMs };
}

export const samples: Readonly<Record<DeliveryState, Delivery>> = {
  pending,
  sending,
  delivered: over('delivered', limits.deliveryMs),
  held: { ...pending, ...waitsNoMore, state: 'held' },
  dead: over('dead', limits.deadLetterMs),
  cancelled: over('cancelled', limits.deliveryMs),
  expired: over('expired', limits.deliveryMs),
};

export const good: AttemptResult = {
  delivered: true,
  answer: { status: 204, headers: { date: 'today' }, excerpt: null },
  error: null,
  detail: null,
  timings: { dnsMs: 1, connectMs: 2, tlsMs: 3, firstByteMs: 4, totalMs: 5 },
  endpointFault: false,
  retryAfterAt: null,
  disable: null,
  abort: false,
};

export const bad: AttemptResult = {
  ...good,
  delivered: false,
  answer: { status: 503, headers: {}, excerpt: { text: 'busy' } },
  error: 'http_503',
  detail: 'The answer was 503.',
  endpointFault: true,
};

export const endpoint: Endpoint = {
  id: pending.endpointId,
  tenant: 'acme',
  kind: 'registered',
  url: 'https://hooks.example.com/x',
  origin: 'https://hooks.example.com',
  events: ['operation.completed'],
  tasks: null,
  headers: {},
  description: null,
  handshake: null,
  disabled: null,
  health: newHealth,
  version: 3,
  createdAt: now - 1_000_000,
};

/** In a module every write to a frozen object throws: a mutation fails the test. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
