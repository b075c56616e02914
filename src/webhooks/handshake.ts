import type { Clock } from '../core/clock.ts';
import type { AttemptResult } from '../core/delivery.ts';
import type { Endpoint } from '../core/endpoint.ts';
import { limits } from '../core/limits.ts';
import type { HandshakeAnswer } from '../store/delivery-store.ts';
import type { Sender } from './webhooks.ts';

type HandshakesParts = {
  readonly sender: Sender;
  readonly clock: Clock;
  /** The name of this system, which asks. */
  readonly origin: string;
};

/**
 * Asks endpoints whether they consent to deliveries: the validation handshake of CloudEvents 1.0,
 * "HTTP 1.1 Web Hooks", section 4. It sends one OPTIONS with `webhook-request-origin` and
 * `webhook-request-rate`, made like any attempt (guard, deadline, bounded answer). An endpoint
 * consents by a 2xx with `webhook-allowed-origin`, which must be that very name or `*`.
 * `webhook-allowed-rate` is how many deliveries a minute it allows; `*` is any number, and without
 * the header it is the number that was asked for.
 *
 * An endpoint cannot consent later by a callback, because `webhook-request-callback` is not sent: a
 * person asks it again.
 */
export class Handshakes {
  readonly #p: HandshakesParts;
  readonly #stop = new AbortController();
  #underWay = 0;

  constructor(p: HandshakesParts) {
    this.#p = p;
  }

  /** Never rejects: an endpoint that cannot be reached has not consented. */
  async ask({ url, headers }: Endpoint): Promise<HandshakeAnswer> {
    const { sender, clock, origin } = this.#p;
    const askedAt = clock.now();
    if (this.#underWay >= limits.webhookHandshakes) {
      return unsaid(url, askedAt, 'Too many endpoints are being asked: ask again.');
    }
    this.#underWay += 1;
    try {
      const { signal } = this.#stop;
      const perMinute = limits.webhookRequestRate;
      const result = await sender.ask({ url, headers, origin, perMinute, signal });
      return answerOf(result, { url, askedAt, origin });
    } finally {
      this.#underWay -= 1;
    }
  }

  /** Ends handshakes under way. */
  stop(): void {
    this.#stop.abort();
  }
}

function answerOf(
  { delivered, answer, error }: AttemptResult,
  p: { readonly url: string; readonly askedAt: number; readonly origin: string },
): HandshakeAnswer {
  const { url, askedAt, origin } = p;
  if (answer === null) return unsaid(url, askedAt, `It did not answer: ${error ?? 'unknown'}.`);
  // A proxy may answer so while its receiver is away, which says nothing about consent.
  if (answer.status >= 500) return unsaid(url, askedAt, `It answered ${answer.status}.`);
  const refused = (detail: string) => ({ url, consents: false, askedAt, detail, perMinute: null });
  if (!delivered) return refused(`It answered ${answer.status}.`);
  const allowed = answer.headers['webhook-allowed-origin']?.trim();
  if (allowed === undefined) return refused('Its answer has no WebHook-Allowed-Origin.');
  if (allowed !== '*' && allowed.toLowerCase() !== origin.toLowerCase()) {
    return refused(`Its WebHook-Allowed-Origin is not ${origin}.`);
  }
  const rate = rateOf(answer.headers['webhook-allowed-rate']?.trim());
  if (rate === undefined) return refused('Its WebHook-Allowed-Rate is no number from 1 up.');
  return { url, consents: true, askedAt, detail: null, perMinute: rate };
}

/** Deliveries a minute; null: any number; undefined: the header makes no sense. */
function rateOf(text: string | undefined): number | null | undefined {
  if (text === undefined) return limits.webhookRequestRate;
  if (text === '*') return null;
  const rate = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  return rate === 0 ? undefined : rate;
}

function unsaid(url: string, askedAt: number, detail: string): HandshakeAnswer {
  return { url, consents: null, askedAt, detail, perMinute: null };
}
