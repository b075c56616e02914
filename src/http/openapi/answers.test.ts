import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Metrics } from '../../server/metrics.ts';
import { until } from '../../testing/until.fixture.ts';
import { fetchHandler } from '../fetch-adapter.ts';
import { Inbox } from '../inbox.fixture.ts';
import { DocumentedAnswers } from './document.fixture.ts';
import { Answer, kit, viaNode, type Kit, type Send } from '../transports.fixture.ts';

const json = { 'content-type': 'application/json' };

describe('The OpenAPI document of a running server', () => {
  const inbox = new Inbox();
  let k: Kit;
  let send: Send;
  let close: () => Promise<void>;
  let documented: DocumentedAnswers;
  /** The document, for tests that look into it. */
  let document: Answer['json'];

  before(async () => {
    await inbox.open();
    const metrics = new Metrics(['echo']);
    k = await kit({
      metrics: {
        contentType: metrics.contentType,
        text: () => metrics.text({ engine: k.engine, webhooks: k.webhooks }),
        isOpen: false,
      },
    });
    const opened = await viaNode.open(k.app);
    ({ close } = opened);
    document = (await opened.send('GET', '/openapi.json')).json;
    documented = new DocumentedAnswers(document);
    send = async (method, target, sent) => {
      const answer = await opened.send(method, target, sent);
      documented.check(method, target, answer);
      return answer;
    };
  });
  after(async () => {
    await k.stop();
    await close();
    await inbox.close();
  });

  const post = (target: string, body: unknown = {}, headers = {}): Promise<Answer> =>
    send('POST', target, { headers: { ...json, ...headers }, body: JSON.stringify(body) });
  const submitted = async (target: string, body?: unknown): Promise<string> =>
    (await post(target, body)).json.id as string;
  /** The address of a finished operation. */
  const final = async (target: string, body?: unknown): Promise<string> => {
    const answer = await post(target, body, { prefer: 'wait=30' });
    return answer.headers.get('location')!;
  };
  /** The path of a delivery that has reached `state`. */
  const delivery = async (path: string, state: string): Promise<string> => {
    inbox.answers(path, () => ({ status: state === 'delivered' ? 204 : 500 }));
    const url = await final('/echo', { webhook_url: `${inbox.origin}${path}` });
    const { webhook } = await until(
      `the webhook is ${state}`,
      async () => (await send('GET', url)).json,
      (status) => status.webhook.state === state,
    );
    return webhook.delivery_url as string;
  };
  const endpoint = async (): Promise<string> => {
    const answer = await post('/webhooks/endpoints', { url: `${inbox.origin}/endpoint` });
    return answer.json.endpoint_url as string;
  };

  /**
   * How each operation of the document gets an answer below 400. Those of tasks follow from their
   * names.
   */
  const walks: Readonly<Record<string, () => Promise<unknown>>> = {
    readIndex: () => send('GET', '/'),
    readWhoami: () => send('GET', '/whoami'),
    watchOperations: async () => {
      // The stream never ends, so we leave it once it has begun.
      const response = await fetchHandler(k.app)(new Request('http://raincheck.test/events'));
      await response.body?.cancel();
      const { status, headers } = response;
      documented.check('GET', '/events', new Answer(status, headers, Buffer.alloc(0)));
    },
    readOpenapi: () => send('GET', '/openapi.json'),
    readArazzo: () => send('GET', '/arazzo.json'),
    readProblemType: () => send('GET', '/problems/not_found'),
    readLiveness: () => send('GET', '/livez'),
    readReadiness: () => send('GET', '/readyz'),
    listTasks: () => send('GET', '/tasks'),
    readTask: () => send('GET', '/tasks/echo'),
    pauseTask: () => send('POST', '/tasks/capped/pause'),
    resumeTask: () => send('POST', '/tasks/capped/resume'),
    listOperations: async () => {
      await submitted('/echo');
      await submitted('/echo');
      const { headers } = await send('GET', '/operations?limit=1');
      assert.match(headers.get('link')!, /rel="next"/);
    },
    readOperation: async () => {
      const url = await final('/echo');
      const { headers } = await send('GET', url);
      const etag = headers.get('etag')!;
      const same = await send('GET', url, { headers: { 'if-none-match': etag } });
      assert.equal(same.status, 304);
    },
    removeOperation: async () => send('DELETE', await final('/echo')),
    watchOperation: async () => send('GET', `${await final('/echo')}/events`),
    cancelOperation: async () =>
      send('POST', `/operations/${await submitted('/echo?delay=1h')}/cancel`),
    readResult: async () => {
      const url = `${await final('/digits')}/result`;
      const part = await send('GET', url, { headers: { range: 'bytes=2-3' } });
      assert.equal(part.status, 206);
      await send('GET', url);
    },
    readInput: async () => send('GET', `${await final('/echo', { a: 1 })}/input`),
    readLogs: async () => {
      const url = `${await final('/talks')}/logs`;
      assert.equal((await send('GET', `${url}?limit=1`)).json.lines.length, 1);
      await send('GET', url, { headers: { accept: 'application/x-ndjson' } });
    },
    batchCancel: async () => {
      await submitted('/echo?delay=1h');
      await post('/operations:batch-cancel', { filter: { task: 'echo' }, dry_run: true });
      await post('/operations:batch-cancel', { filter: { task: 'echo' } }, { prefer: 'wait=30' });
    },
    batchRetry: async () => {
      await final('/broken');
      await post('/operations:batch-retry', { filter: { task: 'broken' } }, { prefer: 'wait=30' });
    },
    batchRemove: async () => {
      await final('/broken');
      const body = { filter: { task: 'broken' } };
      await post('/operations:batch-remove', { ...body, dry_run: true });
      await post('/operations:batch-remove', body, { prefer: 'wait=30' });
    },
    listErrors: async () => {
      await final('/broken');
      assert.ok((await send('GET', '/errors')).json.groups.length > 0);
    },
    readStats: () => send('GET', '/stats?window=15m'),
    readMetrics: () => send('GET', '/metrics'),
    listWorkers: () => send('GET', '/workers'),
    retryOperation: async () => post(`${await final('/broken')}/retry`, { input: {} }),
    createEndpoint: endpoint,
    listEndpoints: () => send('GET', '/webhooks/endpoints'),
    readEndpoint: async () => send('GET', await endpoint()),
    updateEndpoint: async () =>
      send('PATCH', await endpoint(), { headers: json, body: '{"enabled":false}' }),
    validateEndpoint: async () => {
      const url = await endpoint();
      assert.equal((await post(`${url}/validate`)).status, 422);
      const asked = { url: `${inbox.origin}/asked`, handshake: true };
      const { json: made } = await post('/webhooks/endpoints', asked);
      assert.equal((await post(`${made.endpoint_url}/validate`)).status, 200);
    },
    listDeadLetterGroups: async () => {
      await delivery('/grouped', 'dead');
      await send('GET', '/webhooks/dead-letters:groups');
    },
    removeEndpoint: async () => send('DELETE', await endpoint()),
    testEndpoint: async () => post(`${await endpoint()}/test`),
    listEndpointSecrets: async () => send('GET', `${await endpoint()}/secret`),
    rotateEndpointSecret: async () => post(`${await endpoint()}/secret/rotate`),
    listServerSecrets: () => send('GET', '/webhooks/secret'),
    rotateServerSecret: () => post('/webhooks/secret/rotate'),
    listDeliveries: async () => {
      await delivery('/listed', 'delivered');
      await send('GET', '/webhooks/deliveries');
    },
    readDelivery: async () => send('GET', await delivery('/read', 'delivered')),
    listDeliveryAttempts: async () =>
      send('GET', `${await delivery('/attempts', 'delivered')}/attempts`),
    redeliver: async () => send('POST', `${await delivery('/again', 'delivered')}/redeliver`),
    discardDelivery: async () => send('POST', `${await delivery('/dead', 'dead')}/discard`),
    listDeadLetters: async () => {
      await delivery('/letter', 'dead');
      await send('GET', '/webhooks/dead-letters');
    },
    redriveDeadLetters: async () => {
      await post('/webhooks/dead-letters/redrive', { filter: {}, dry_run: true });
      await post('/webhooks/dead-letters/redrive', { filter: {} }, { prefer: 'wait=30' });
    },
  };

  it('holds for every operation in it', async () => {
    const input = { strict: { from: '2030-01-31', days: 1 } } as Record<string, unknown>;
    for (const { name, path } of k.engine.tasks.values()) {
      if (name === 'held' || name === 'capped') continue;
      const ends = ['broken', 'uphill'].includes(name) ? [422, 202] : [200];
      const id = await submitted(`${path}/async`, input[name]);
      const waited = name === 'uphill' ? {} : { prefer: 'wait=30' };
      assert.ok(ends.includes((await post(path, input[name], waited)).status), name);
      if (waited.prefer !== undefined) await k.engine.waitFor(untilFinal(id));
      await send('GET', `${path}/${id}`);
    }
    for (const path of ['/slow/held', '/capped']) {
      const id = await submitted(path);
      await send('GET', `${path}/${id}`);
      k.release();
      await k.engine.waitFor(untilFinal(id));
      await submitted(`${path}/async`);
    }
    for (const walk of Object.values(walks)) await walk();
    const ofFailures = new Set(['result_broken', 'submit_broken']);
    const left = documented.operationIds.filter(
      (id) => !documented.answered.has(id) && !ofFailures.has(id),
    );
    assert.deepEqual(left, [], 'Say in `walks` how these are asked');
  });

  it('holds for what webhooks send', async () => {
    const events = ['operation.started', 'operation.completed', 'operation.failed'];
    const webhook = { url: `${inbox.origin}/told`, events };
    await final('/echo', { webhook });
    await final('/broken', { webhook });
    await inbox.wait('/told', 2);
    const { json: made } = await post('/webhooks/endpoints', { url: `${inbox.origin}/tested` });
    await post(`${made.endpoint_url}/test`);
    for (const { text, headers } of [...inbox.at('/told'), ...inbox.at('/tested')]) {
      const body = JSON.parse(text) as { type: string };
      documented.checkDelivery(body.type, { headers, body });
    }
    assert.ok(inbox.at('/tested').length === 1);
  });

  it('has an example for every JSON it names, and each fits its schema', () => {
    assert.ok(documented.checkExamples() > 100);
    const bare: string[] = [];
    const look = (node: unknown, at: string): void => {
      if (typeof node !== 'object' || node === null) return;
      for (const [name, value] of Object.entries(node)) {
        if (name === 'application/json' && at.endsWith('/content')) {
          const { $ref, type } = value.schema as { $ref?: string; type?: string };
          const isBare = !('example' in value || 'examples' in value);
          if ($ref !== undefined && type === undefined && isBare) bare.push(at);
        }
        look(value, `${at}/${name}`);
      }
    };
    look(document, '');
    assert.deepEqual(bare, [], 'Give their schemas an example in openapi/examples.ts');
  });

  it('leads to the result by links', () => {
    const { links } = document.paths['/echo'].post.responses['202'];
    assert.equal(links.result.operationId, 'result_echo');
    assert.equal(document.paths['/echo/{id}'].get.operationId, 'result_echo');
  });
});

function untilFinal(id: string): Parameters<Kit['engine']['waitFor']>[0] {
  const { signal } = new AbortController();
  return { id, tenant: '', until: 'final', version: 0, timeoutMs: 30_000, signal };
}

describe('An answer that the OpenAPI document does not announce', () => {
  let good: Answer;
  let documented: DocumentedAnswers;
  let delivered: { headers: Record<string, string>; body: Record<string, unknown> };

  before(async () => {
    const k = await kit();
    const { send, close } = await viaNode.open(k.app);
    const document = (await send('GET', '/openapi.json')).json;
    documented = new DocumentedAnswers(document);
    good = await send('POST', '/echo', { headers: json, body: '{}' });
    const media = document.webhooks['operation.failed'].post.requestBody.content;
    delivered = {
      headers: {
        'content-type': 'application/json',
        'webhook-id': 'msg_1',
        'webhook-timestamp': '1',
        'webhook-signature': 'v1,x',
      },
      body: media['application/json'].examples['operation.failed'].value,
    };
    await k.stop();
    await close();
  });

  /** The good answer with one part replaced. */
  function planted(p: {
    status?: number;
    headers?: Record<string, string | null>;
    body?: (body: Record<string, unknown>) => void;
  }): Answer {
    const headers = new Headers(good.headers);
    for (const [name, value] of Object.entries(p.headers ?? {})) {
      if (value === null) headers.delete(name);
      else headers.set(name, value);
    }
    const body = good.json as Record<string, unknown>;
    p.body?.(body);
    return new Answer(p.status ?? good.status, headers, Buffer.from(JSON.stringify(body)));
  }

  it('is found, whatever is wrong with it', () => {
    documented.check('POST', '/echo', planted({}));
    const wrong: [Parameters<typeof planted>[0], RegExp][] = [
      [{ status: 201 }, /no such status/],
      [{ status: 418, body: (body) => (body['code'] = 'not_found') }, /only in 'default'/],
      [{ headers: { location: null } }, /no location/],
      [{ headers: { 'retry-after': 'soon' } }, /header retry-after: soon/],
      [{ headers: { 'x-new': '1' } }, /x-new is not documented/],
      [{ headers: { 'content-type': 'text/plain' } }, /text\/plain is not documented/],
      [{ body: (body) => delete body['status'] }, /must have required property 'status'/],
      [{ body: (body) => (body['status'] = 'done') }, /must be equal to one of/],
      [{ body: (body) => (body['created_at'] = 'today') }, /must match format/],
      [{ body: (body) => (body['secret'] = 'x') }, /must NOT have additional properties/],
    ];
    for (const [plant, message] of wrong) {
      assert.throws(() => documented.check('POST', '/echo', planted(plant)), { message });
    }
    assert.throws(() => documented.check('POST', '/tasks', planted({})), /not documented/);
  });

  it('nor is a delivery of another form taken', () => {
    documented.checkDelivery('operation.failed', delivered);
    const { 'webhook-id': _, ...unnamed } = delivered.headers;
    for (const sent of [
      { headers: unnamed, body: delivered.body },
      { ...delivered, body: { ...delivered.body, status: 'broken' } },
      { ...delivered, body: { ...delivered.body, more: 1 } },
    ]) {
      assert.throws(() => documented.checkDelivery('operation.failed', sent));
    }
    assert.throws(() => documented.checkDelivery('operation.gone', delivered));
  });
});
