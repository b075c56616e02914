import { randomBytes } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { newHealth } from '../core/endpoint-health.ts';
import { consentAwaited, type Endpoint, type EndpointDisabled } from '../core/endpoint.ts';
import { RaincheckError } from '../core/errors.ts';
import { endpointId, randomBytesPerId } from '../core/id.ts';
import { limits } from '../core/limits.ts';
import type { EndpointWithCounts, WebhookSecret } from '../store/delivery-store.ts';
import type { Store } from '../store/store.ts';
import { tenantOwner } from '../store/webhook-secrets.ts';
import type { Handshakes } from './handshake.ts';
import { readEndpointChange, readEndpointInput, readRotation } from './endpoint-input.ts';
import {
  makeSecret,
  privatePrefix,
  randomBytesPerSecret,
  verificationKey,
  type SignatureVersion,
} from './secrets.ts';
import type { CheckUrl } from './target.ts';
import type { EndpointInput, EndpointKey, SecretOwner, Webhooks } from './webhooks.ts';

type EndpointActionsParts = {
  readonly store: Store;
  readonly clock: Clock;
  readonly checkUrl: CheckUrl;
  readonly taskNames: readonly string[] | null;
  /** The name by which this system asks for consent; null: it has none. */
  readonly origin: string | null;
  readonly handshakes: Handshakes;
  /** The secrets of the setting `webhooks.secret`, newest first. */
  readonly configured: readonly string[];
  /** An endpoint of the tenant was created, changed or removed. */
  readonly changed: (tenant: string) => void;
};

type SecretTimes = Omit<WebhookSecret, 'value'>;

/**
 * What people do with endpoints and their secrets, as the part of Webhooks that its members name.
 */
export class EndpointActions {
  readonly #p: EndpointActionsParts;
  readonly #startedAt: number;

  constructor(p: EndpointActionsParts) {
    this.#p = p;
    this.#startedAt = p.clock.now();
  }

  async create(
    p: Parameters<Webhooks['createEndpoint']>[0],
  ): ReturnType<Webhooks['createEndpoint']> {
    const { store, clock, changed } = this.#p;
    const input = await readEndpointInput(p.body, this.#p);
    const { url, enabled, handshake, secret: brought, signature, ...members } = input;
    const now = clock.now();
    const endpoint: Endpoint = {
      ...members,
      id: endpointId(now, randomBytes(randomBytesPerId)),
      tenant: p.tenant,
      kind: 'registered',
      url,
      origin: new URL(url).origin,
      handshake: handshake ? consentAwaited : null,
      disabled: disabledAtFirst({ enabled, handshake }, now),
      health: newHealth,
      version: 1,
      createdAt: now,
    };
    const secret = brought ?? newSecret(signature);
    if ((await store.createEndpoint({ endpoint, secret, now })) === 'full') {
      throw new RaincheckError(
        'endpoints_full',
        `There are ${limits.endpointsMax} endpoints already: remove one first.`,
      );
    }
    changed(p.tenant);
    return { endpoint: await this.#asked(endpoint), secret: verificationKey(secret) };
  }

  async update(p: Parameters<Webhooks['updateEndpoint']>[0]): Promise<Endpoint> {
    const { id, tenant } = p;
    const { endpoint } = await this.read(p);
    const change = await readEndpointChange(p.body, this.#p);
    if (endpoint.kind === 'request') refuseAllBut(change, ['enabled', 'description']);
    const { store, clock, changed } = this.#p;
    const updated = await store.updateEndpoint({ id, tenant, change, now: clock.now() });
    if (updated === null) throw missing(id);
    changed(tenant);
    const { url, handshake, enabled } = change;
    const isReason = url !== undefined || handshake === 'asked' || enabled === true;
    return isReason && updated.handshake?.state === 'awaited' ? this.#asked(updated) : updated;
  }

  async validate(p: EndpointKey): Promise<Endpoint> {
    const { endpoint } = await this.read(p);
    if (endpoint.handshake !== null && this.#p.origin !== null) return this.#asked(endpoint);
    const detail =
      endpoint.handshake === null
        ? 'This endpoint is not asked for its consent: set its `handshake` to true.'
        : 'This server has no name to ask by: set `publicUrl` or `webhooks.origin`.';
    throw new RaincheckError('validation_failed', detail, { errors: [{ pointer: '', detail }] });
  }

  /**
   * Asks the endpoint for its consent, if it is one to ask, and resolves with its record after
   * that. Meanwhile it may have changed, or been removed.
   */
  async #asked(endpoint: Endpoint): Promise<Endpoint> {
    const { id, tenant } = endpoint;
    if (endpoint.handshake === null) return endpoint;
    const { store, clock, changed, handshakes } = this.#p;
    const change = { handshake: await handshakes.ask(endpoint) };
    const updated = await store.updateEndpoint({ id, tenant, change, now: clock.now() });
    if (updated === null) throw missing(id);
    changed(tenant);
    return updated;
  }

  /** Rejects with `endpoint_not_found`, also when the endpoint is another tenant's. */
  async read({ id, tenant }: EndpointKey): Promise<EndpointWithCounts> {
    const found = await this.#p.store.readEndpoint({ id });
    if (found === null || found.endpoint.tenant !== tenant) throw missing(id);
    return found;
  }

  async remove({ id, tenant }: EndpointKey): Promise<void> {
    const { store, clock, changed } = this.#p;
    const outcome = await store.removeEndpoint({ id, tenant, now: clock.now() });
    if (outcome === 'missing') throw missing(id);
    changed(tenant);
  }

  async listSecrets(p: SecretOwner): Promise<readonly SecretTimes[]> {
    if (this.#isConfigured(p)) {
      return this.#p.configured.map(() => ({ createdAt: this.#startedAt, expiresAt: null }));
    }
    return (await this.#liveSecrets(p)).map(timesOf);
  }

  async rotateSecret(
    p: Parameters<Webhooks['rotateSecret']>[0],
  ): ReturnType<Webhooks['rotateSecret']> {
    if (this.#isConfigured(p)) {
      throw wrongOwner('The secret is set by the setting `webhooks.secret`: change it there.');
    }
    const [newest] = await this.#liveSecrets(p);
    const version = newest?.value.startsWith(privatePrefix) === true ? 'v1a' : 'v1';
    const { secret: brought, graceMs } = readRotation(p.body, version);
    const secret = brought ?? newSecret(version);
    const now = this.#p.clock.now();
    const live = await this.#p.store.rotateSecret({ owner: ownerOf(p), secret, graceMs, now });
    return { secret: verificationKey(secret), secrets: live.map(timesOf) };
  }

  #isConfigured(p: SecretOwner): boolean {
    return p.endpointId === null && this.#p.configured.length > 0;
  }

  async #liveSecrets(p: SecretOwner): Promise<readonly WebhookSecret[]> {
    if (p.endpointId !== null) {
      const { endpoint } = await this.read({ id: p.endpointId, tenant: p.tenant });
      if (endpoint.kind === 'request') {
        throw wrongOwner(
          "What goes to an address that requests name is signed with the tenant's secret.",
        );
      }
    }
    const { store, clock } = this.#p;
    return store.readSecrets({ owner: ownerOf(p), now: clock.now() });
  }
}

function disabledAtFirst(
  { enabled, handshake }: Pick<EndpointInput, 'enabled' | 'handshake'>,
  at: number,
): EndpointDisabled | null {
  if (!enabled) return { reason: 'manual', at };
  return handshake ? { reason: 'no_consent', at } : null;
}

function ownerOf({ tenant, endpointId: id }: SecretOwner): string {
  return id ?? tenantOwner(tenant);
}

function timesOf({ createdAt, expiresAt }: WebhookSecret): SecretTimes {
  return { createdAt, expiresAt };
}

function newSecret(version: SignatureVersion): string {
  return makeSecret(version, randomBytes(randomBytesPerSecret));
}

function refuseAllBut(change: object, allowed: readonly string[]): void {
  const errors = Object.keys(change)
    .filter((name) => !allowed.includes(name))
    .map((name) => ({
      pointer: `/${name}`,
      detail: 'The requests that name this address say it.',
    }));
  if (errors.length === 0) return;
  throw new RaincheckError(
    'validation_failed',
    'An endpoint that requests name can only be enabled and disabled.',
    { errors },
  );
}

function wrongOwner(detail: string): RaincheckError {
  return new RaincheckError('validation_failed', detail, { errors: [{ pointer: '', detail }] });
}

function missing(id: string): RaincheckError {
  return new RaincheckError('endpoint_not_found', `There is no endpoint ${id.slice(0, 100)}.`);
}
