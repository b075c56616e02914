import { endpointId, eventExamples, type ExampleOf } from './examples.ts';

const at = (time: string): string => `2030-01-31T${time}Z`;
const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';

/** Like schemaExamples, for the schemas of webhooks. */
export function webhookExamples(of: ExampleOf): Readonly<Record<string, unknown>> {
  const url = 'https://example.com/hooks/raincheck';
  const endpoint = {
    id: endpointId,
    kind: 'registered',
    url,
    events: ['operation.completed', 'operation.failed'],
    tasks: null,
    header_names: ['x-team'],
    description: 'Tells the billing service.',
    enabled: true,
    disabled_reason: null,
    disabled_at: null,
    created_at: at('08:00:00.000'),
    handshake: null,
    health: {
      circuit: 'closed',
      failures: 0,
      in_flight_max: null,
      failing_since: null,
      last_success_at: at('09:00:20.300'),
      last_failure_at: null,
    },
    next_attempt_at: null,
    next_attempt_reason: null,
    endpoint_url: `${of.basePath}/webhooks/endpoints/${endpointId}`,
    deliveries_url: `${of.basePath}/webhooks/deliveries?endpoint=${endpointId}`,
  };
  const counted = { ...endpoint, counts: { waiting: 0, held: 0, dead: 0 } };
  const delivery = deliveryExample(of, url);
  const attempt = attemptExample();
  const secrets = [{ created_at: at('08:00:00.000'), expires_at: null }];
  return {
    Endpoint: counted,
    CreatedEndpoint: { ...counted, secret },
    EndpointPage: { endpoints: [endpoint], next_cursor: null },
    NewEndpoint: { url, events: ['operation.completed', 'operation.failed'] },
    EndpointChange: { enabled: false },
    TestedEndpoint: {
      delivery: { ...delivery, event: 'webhook.test', operation_id: null, operation_url: null },
      attempt,
      reason: null,
    },
    SecretList: { secrets },
    RotatedSecret: { secret, secrets },
    SecretRotation: { grace_seconds: 86_400 },
    Delivery: delivery,
    DeliveryPage: { deliveries: [delivery], next_cursor: null },
    DeliveryAttemptList: { attempts: [attempt] },
    Redrive: { filter: { endpoint: endpointId }, dry_run: true },
    DeadLetterGroups: {
      groups: [
        {
          fingerprint: 'k-3f9c2a7d1b',
          endpoint_id: endpointId,
          error: 'http_503',
          count: 42,
          first_at: at('08:10:00.000'),
          last_at: at('09:00:20.000'),
          sample_delivery_id: delivery.id,
        },
      ],
      complete: true,
    },
    RedriveCount: { dry_run: true, action: 'redrive', count: 42, more: false },
    OperationEvent: eventExamples(of)['operation.completed'],
    TestEvent: eventExamples(of)['webhook.test'],
  };
}

function deliveryExample(of: ExampleOf, url: string) {
  const id = 'msg_01JDQ2T4G6Z8K0M3N5P7R9S1V4';
  const operation = 'op_01JDQ2T4G6Z8K0M3N5P7R9S1V4';
  return {
    id,
    event: 'operation.completed',
    state: 'delivered',
    operation_id: operation,
    endpoint_id: endpointId,
    url,
    created_at: at('09:00:20.000'),
    attempts: 1,
    failures: 0,
    failures_max: 12,
    last_status: 204,
    last_error: null,
    next_attempt_at: null,
    next_attempt_reason: null,
    trigger: 'schedule',
    expires_at: '2030-02-05T09:00:20.000Z',
    finished_at: at('09:00:20.300'),
    kept_until: '2030-02-07T09:00:20.300Z',
    delivery_url: `${of.basePath}/webhooks/deliveries/${id}`,
    attempts_url: `${of.basePath}/webhooks/deliveries/${id}/attempts`,
    operation_url: `${of.basePath}/operations/${operation}`,
  };
}

function attemptExample() {
  return {
    number: 1,
    trigger: 'schedule',
    started_at: at('09:00:20.100'),
    ended_at: at('09:00:20.300'),
    outcome: 'delivered',
    status: 204,
    error: null,
    detail: null,
    timings: { dns_ms: 3, connect_ms: 12, tls_ms: 21, first_byte_ms: 180, total_ms: 190 },
    answer: { headers: { server: 'nginx' }, excerpt: { text: '' } },
    next_attempt_at: null,
    next_attempt_reason: null,
  };
}
