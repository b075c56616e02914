import { deliveryPausesMs } from '../core/delivery-schedule.ts';
import type { Duration } from '../core/duration.ts';
import { RaincheckError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { typedDuration } from '../core/duration.ts';
import { durationOption, expected, integerOption, refuseUnknownKeys } from '../core/options.ts';
import { addressPolicy, type AddressPolicy } from './address-policy.ts';
import { checkSecret, privatePrefix } from './secrets.ts';

/** How webhooks are sent: `raincheck({ webhooks: {…} })`. Everything may be left out. */
export type WebhookSettings = {
  /**
   * Signs what goes to addresses that requests name: `whsec_` and base64 of 24 to 64 bytes. Several: all sign, the
   * newest first, so that receivers can change over. Default: one is made and kept in the store; `POST
   * /webhooks/secret/rotate` makes another and tells it.
   */
  readonly secret?: string | readonly string[];
  /** Addresses that may be sent to although they are not public, like '10.20.0.0/16'. Default none. */
  readonly allowedCidrs?: readonly string[];
  /** Names that may be sent to whatever their address is, like 'hooks.corp.example' or '*.corp.example'. Default none. */
  readonly allowedHosts?: readonly string[];
  /** Whether plain http is allowed as well. Default false. */
  readonly httpAllowed?: boolean;
  /** Delivery attempts of this process at once. Default 64. One endpoint gets a quarter of them at most. */
  readonly concurrency?: number;
  /** Attempts at once to one endpoint, over all processes. Default 4. */
  readonly endpointConcurrency?: number;
  /** Attempts at once to one origin (scheme, host, port), over all processes. Default 16. */
  readonly originConcurrency?: number;
  /**
   * For one attempt, from resolving the name to the end of the answer. Default 15 s, at most 10 m.
   */
  readonly attemptTimeout?: Duration;
  /** The part of that for connection and TLS. Default 5 s. */
  readonly connectTimeout?: Duration;
  /**
   * Pauses after the 1st, 2nd … failed attempt, each drawn from ±20 % of itself; one less than there are attempts.
   * Default 5 s, 30 s, 2 m, 10 m, 30 m, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. Each at most 4 d, in all at most 5 d,
   * after which a delivery expires.
   */
  readonly retryPauses?: readonly Duration[];
  /**
   * The name by which endpoints with `handshake` are asked whether this system may send to them, like
   * 'hooks.example.com'. Default: the host of `publicUrl`.
   */
  readonly origin?: string;
  /** Longest time between two looks at what is due when nothing woke the sender. Default 1 s. */
  readonly poll?: Duration;
};

/** WebhookSettings, checked and filled in. */
export type CheckedWebhookSettings = {
  readonly secrets: readonly string[];
  readonly policy: AddressPolicy;
  readonly slots: number;
  readonly endpointSlots: number;
  readonly originSlots: number;
  readonly attemptMs: number;
  readonly connectMs: number;
  readonly leaseMs: number;
  readonly pausesMs: readonly number[];
  readonly pollMs: number;
  readonly origin: string | null;
};

const names = [
  'secret',
  'allowedCidrs',
  'allowedHosts',
  'httpAllowed',
  'concurrency',
  'endpointConcurrency',
  'originConcurrency',
  'attemptTimeout',
  'connectTimeout',
  'retryPauses',
  'origin',
  'poll',
] as const;

const attemptMsMax = 600_000;
/**
 * With its jitter still shorter than the life of a delivery: a later instant counts as a wrong
 * clock.
 */
const pauseMsMax = 4 * 86_400_000;
/**
 * How much longer the lease is than the attempt's deadline, for the commits around it and a busy
 * event loop.
 */
const leaseMarginMs = 15_000;

/** Throws `invalid_option` for the first setting that is wrong. */
export function checkedWebhookSettings(settings: WebhookSettings): CheckedWebhookSettings {
  if (typeof settings !== 'object' || settings === null) {
    throw expected('webhooks', 'an object or false', settings);
  }
  refuseUnknownKeys('webhooks', settings, names);
  const attemptMs = durationOption('webhooks.attemptTimeout', settings.attemptTimeout, {
    minMs: 10,
    maxMs: attemptMsMax,
    fallback: limits.deliveryAttemptMsDefault,
  });
  return {
    secrets: secretsOption(settings.secret),
    policy: addressPolicy(policyOptions(settings)),
    ...slots(settings),
    attemptMs,
    connectMs: durationOption('webhooks.connectTimeout', settings.connectTimeout, {
      minMs: 10,
      maxMs: attemptMsMax,
      fallback: Math.min(attemptMs, limits.deliveryConnectMsDefault),
    }),
    leaseMs: attemptMs + leaseMarginMs,
    pausesMs: pausesOption(settings.retryPauses),
    origin: originOption(settings.origin),
    pollMs: durationOption('webhooks.poll', settings.poll, {
      minMs: 10,
      maxMs: 60_000,
      fallback: 1_000,
    }),
  };
}

function policyOptions({ allowedCidrs, allowedHosts, httpAllowed }: WebhookSettings) {
  return { allowedCidrs, allowedHosts, httpAllowed };
}

function slots(settings: WebhookSettings) {
  const count = (
    name: 'concurrency' | 'endpointConcurrency' | 'originConcurrency',
    fallback: number,
  ): number =>
    integerOption(`webhooks.${name}`, settings[name], {
      min: 1,
      max: limits.concurrencyMax,
      fallback,
    });
  return {
    slots: count('concurrency', limits.deliveriesInFlightDefault),
    endpointSlots: count('endpointConcurrency', limits.endpointInFlightDefault),
    originSlots: count('originConcurrency', limits.originInFlightDefault),
  };
}

function originOption(value: unknown): string | null {
  if (value === undefined) return null;
  const fits =
    typeof value === 'string' && value.length <= 253 && /^[\w-]+(\.[\w-]+)*$/.test(value);
  if (fits) return value;
  throw expected('webhooks.origin', "a name like 'hooks.example.com'", value);
}

function pausesOption(value: unknown): readonly number[] {
  if (value === undefined) return deliveryPausesMs;
  // One less than attempts, because there is no pause before the first.
  const most = limits.deliveryFailuresMax - 1;
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    const what = `a list of 1 to ${most} durations`;
    throw expected('webhooks.retryPauses', what, value);
  }
  const pauses = value.map((pause, i) =>
    durationOption(`webhooks.retryPauses[${i}]`, pause, {
      minMs: 0,
      maxMs: pauseMsMax,
      fallback: 0,
    }),
  );
  const sum = pauses.reduce((all, pause) => all + pause, 0);
  if (sum <= limits.deliveryTtlMs) return pauses;
  const what = `at most ${typedDuration(limits.deliveryTtlMs)} in all, after which a delivery expires`;
  throw new RaincheckError(
    'invalid_option',
    `Expected \`webhooks.retryPauses\` to be ${what}; they add up to ${typedDuration(sum)}.`,
  );
}

function secretsOption(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const secrets: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (secrets.length === 0 || secrets.length > limits.secretsMax) {
    throw expected('webhooks.secret', `1 to ${limits.secretsMax} secrets`, value);
  }
  return secrets.map((secret) => checkedSecret(secret));
}

/** The message never shows the given value. */
function checkedSecret(secret: unknown): string {
  const isPair = typeof secret === 'string' && secret.startsWith(privatePrefix);
  try {
    return checkSecret(secret, { version: isPair ? 'v1a' : 'v1', pointer: '' });
  } catch (error) {
    const detail = error instanceof RaincheckError ? (error.errors?.[0]?.detail ?? '') : '';
    throw new RaincheckError('invalid_option', `webhooks.secret: ${detail}`, { cause: error });
  }
}
