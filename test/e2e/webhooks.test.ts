import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { defineTask, raincheck, type Raincheck, type RaincheckOptions } from 'raincheck';
import type { WireOperation, WireOperationPage } from '../../src/core/wire-operation.ts';
import type { WireProblem } from '../../src/core/wire-server.ts';
import type {
  WireDelivery,
  WireDeliveryPage,
  WireOperationEvent,
  WireRedriveCount,
} from '../../src/core/wire-webhook.ts';
import { ManualClock } from '../../src/testing/manual-clock.ts';
import { until } from '../../src/testing/until.fixture.ts';
import { WebhookReceiver } from '../support/webhook-receiver.ts';
import { postJson, ServerProcess } from './server-process.ts';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const quick = defineTask('quick', {
  run: ({ input }) => ({ got: (input as { type: string }).type }),
});

/** All of raincheck() over a file, as a program embeds it, allowed to send to this machine. */
function embedded(t: TestContext, p: Partial<RaincheckOptions> = {}): Raincheck {
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
  const rc = raincheck({
    tasks: [quick],
    store: path.join(folder, 'a.db'),
    webhooks: { secret, allowedCidrs: ['127.0.0.0/8'], httpAllowed: true, ...p.webhooks },
    logger: { debug: noop, info: noop, warn: noop, error: noop },
    ...p,
  });
  t.after(async () => {
    await rc.stop({ now: true });
    rmSync(folder, { recursive: true });
  });
  return rc;
}

function noop(): void {}

/** `call` is like 'GET /operations'. */
async function ask(rc: Raincheck, call: string, body?: object) {
  const [method = '', target = ''] = call.split(' ');
  const request = new Request(`http://localhost${target}`, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const { status, text } = await answerOf(await rc.fetch(request));
  return { status, json: JSON.parse(text) as Shown };
}

async function answerOf(response: Response): Promise<{ status: number; text: string }> {
  return { status: response.status, text: await response.text() };
}

/** The members that the tests look at, of any resource. */
type Shown = WireOperation &
  WireDeliveryPage &
  Pick<WireOperationPage, 'operations'> &
  Pick<WireProblem, 'code'> &
  Pick<WireRedriveCount, 'count'>;

describe('dev and listen in one folder', () => {
  it('verify the very first delivery, and call one of another secret not checked', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const env = { RAINCHECK_WEBHOOK_SECRET: '' };
    await using server = new ServerProcess(['dev', '--ephemeral', '--port', '0'], { folder, env });
    const url = await server.url();
    await using listener = new ServerProcess(['listen', '--port', '0'], { folder, env });
    const [, to = ''] = await listener.printed(/Listening on (\S+)/);
    await postJson(`${url}/noop`, { webhook_url: `${to}/` });
    await listener.printed(/\n +signature +✔\n[^]*\n +answered +200 /);
    await postJson(`${url}/noop`, { webhook: { url: `${to}/`, secret } });
    await listener.printed(
      /\n +signature +not checked: .*webhook-secret.*--secret[^]*answered +200 /,
    );
  });
});

describe('A webhook', () => {
  it('reaches the address in the body of the submit, and the status tells that it did', async (t) => {
    const receiver = await WebhookReceiver.open({ secret });
    t.after(() => receiver.close());
    const rc = embedded(t);
    const webhook_url = `${receiver.origin}/hook?customer=7`;
    const body = { type: 'a', webhook_url };
    const { status, json } = await ask(rc, 'POST /quick/async', body);
    assert.equal(status, 202);
    const { operation_id: id } = json;
    await receiver.acknowledgedBy(1);
    const [got] = receiver.received;
    const event = JSON.parse(got!.body) as WireOperationEvent;
    assert.deepEqual([event.status, event.result_url], ['completed', `/quick/${id}`]);
    assert.deepEqual(event.data.operation.result, { got: 'a' });
    assert.equal(got!.path, '/hook?customer=7');
    assert.equal(got!.headers['content-type'], 'application/json');
    assert.deepEqual(receiver.faults, []);
    await until('the webhook is delivered', async () => {
      const { json: shown } = await ask(rc, `GET /operations/${id}`);
      return shown.webhook?.state === 'delivered' && shown.webhook.last_status === 200;
    });
  });

  it('that is answered 500 twice and then 200 takes exactly three attempts: one id, the same bytes, fresh timestamps', async (t) => {
    const clock = new ManualClock(Date.now());
    const receiver = await WebhookReceiver.open({ react: ({ nth }) => (nth < 3 ? 500 : 200) });
    t.after(() => receiver.close());
    const rc = embedded(t, { clock });
    const webhook_url = `${receiver.origin}/`;
    const { json } = await ask(rc, 'POST /quick', { type: 'a', webhook_url });
    const { id } = json;
    const delivery = async (): Promise<WireDelivery | undefined> => {
      const target = `/webhooks/deliveries?operation=${id}`;
      // Commits take real time; a sleep until now ends at the next look.
      await clock.advance(0);
      const page = await ask(rc, `GET ${target}`);
      return page.json.deliveries[0];
    };
    for (let failures = 1; failures <= 2; failures += 1) {
      await until(
        `it has failed ${failures} times`,
        async () => (await delivery())?.failures === failures,
      );
      const dueAt = Date.parse((await delivery())!.next_attempt_at!);
      clock.stall(dueAt - 1 - clock.now());
      await clock.advance(0);
      assert.equal(receiver.received.length, failures, 'nothing goes out before its instant');
      await clock.advance(1);
    }
    await until('it is delivered', async () => (await delivery())?.state === 'delivered');
    clock.stall(5 * 86_400_000);
    await clock.advance(0);
    const { received } = receiver;
    assert.equal(received.length, 3);
    assert.equal(new Set(received.map((one) => one.id)).size, 1);
    assert.equal(new Set(received.map((one) => one.body)).size, 1);
    assert.equal(new Set(received.map((one) => one.headers['webhook-signature'])).size, 3);
    const [first = 0, second = 0, third = 0] = received.map((one) => one.timestamp);
    // 5 s and 30 s, each ±20 %, and the seconds are rounded down.
    assert.ok(second - first >= 3 && second - first <= 7, `${second - first} s`);
    assert.ok(third - second >= 23 && third - second <= 37, `${third - second} s`);
  });

  it('is not sent to this machine unless that is allowed, and nothing is stored then', async (t) => {
    const receiver = await WebhookReceiver.open({});
    t.after(() => receiver.close());
    const rc = embedded(t, { webhooks: {} });
    for (const url of [receiver.origin, receiver.origin.replace('http:', 'https:')]) {
      const { status } = await ask(rc, 'POST /quick', { type: 'a', webhook_url: url });
      assert.equal(status, 422);
    }
    const { json } = await ask(rc, 'GET /operations');
    assert.deepEqual(json.operations, []);
    assert.deepEqual(receiver.received, []);
  });

  it('is refused where none are sent; what a former process left is told in the log', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-'));
    const store = path.join(folder, 'a.db');
    const common = { tasks: [quick], store };
    const former = raincheck({
      ...common,
      logger: { debug: noop, info: noop, warn: noop, error: noop },
      webhooks: { allowedCidrs: ['127.0.0.0/8'], httpAllowed: true },
    });
    const receiver = await WebhookReceiver.open({ react: () => 500 });
    t.after(() => receiver.close());
    const body = { type: 'a', webhook_url: receiver.origin };
    await ask(former, 'POST /quick', body);
    await until('one has arrived', () => receiver.received.length === 1);
    await former.stop();
    const warnings: object[] = [];
    const warn = (fields: object, message: string) => void warnings.push({ ...fields, message });
    const next = raincheck({
      ...common,
      webhooks: false,
      logger: { debug: noop, info: noop, warn, error: noop },
    });
    await next.start();
    assert.deepEqual(warnings, [
      { waiting: 1, message: 'Webhooks wait to be sent, and this process sends none.' },
    ]);
    const { status, json } = await ask(next, 'POST /quick', body);
    assert.deepEqual([status, json.code], [422, 'validation_failed']);
    await next.stop();
    rmSync(folder, { recursive: true });
  });
});

describe('A bulk redrive over HTTP', () => {
  it('counts first, and is then an operation that sends them again', async (t) => {
    let isUp = false;
    const receiver = await WebhookReceiver.open({ secret, react: () => (isUp ? 200 : 500) });
    t.after(() => receiver.close());
    const rc = embedded(t, {
      webhooks: {
        secret,
        allowedCidrs: ['127.0.0.0/8'],
        httpAllowed: true,
        retryPauses: [1],
        poll: 20,
      },
    });
    for (let i = 0; i < 3; i += 1) {
      const webhook_url = `${receiver.origin}/${i}`;
      await ask(rc, 'POST /quick', { type: 'a', webhook_url });
    }
    const dead = async (): Promise<number> => {
      const { json } = await ask(rc, 'GET /webhooks/dead-letters');
      return json.deliveries.length;
    };
    await until('there are three dead letters', async () => (await dead()) === 3);
    isUp = true;
    const redrive = 'POST /webhooks/dead-letters/redrive';
    const counted = await ask(rc, redrive, { filter: {}, dry_run: true });
    assert.equal(counted.status, 200);
    assert.equal(counted.json.count, 3);
    assert.equal(await dead(), 3);
    const body = { filter: {}, per_second: 1000 };
    const { status, json } = await ask(rc, redrive, body);
    assert.equal(status, 202);
    const { id, task } = json;
    assert.equal(task, 'webhooks.redrive');
    await until('the redrive is completed', async () => {
      const { json: shown } = await ask(rc, `GET /operations/${id}`);
      return shown.status === 'completed';
    });
    const result = await ask(rc, `GET /operations/${id}/result`);
    assert.deepEqual(result.json, { action: 'redrive', changed: 3, skipped: 0 });
    await receiver.acknowledgedBy(3);
    assert.deepEqual(receiver.faults, []);
    assert.equal(new Set(receiver.received.map((one) => one.id)).size, 3);
  });
});

describe('A server of its own', () => {
  const config = path.join(import.meta.dirname, 'fixtures', 'quick.config.ts');
  const args = (mode: 'dev' | 'serve') =>
    [mode, '--config', config, '--store', 'memory:', '--port', '0'] as const;

  it('sends to this machine as `dev`', async (t) => {
    const receiver = await WebhookReceiver.open({});
    t.after(() => receiver.close());
    await using server = new ServerProcess(args('dev'));
    const body = { webhook_url: `${receiver.origin}/x` };
    const response = await postJson(`${await server.url()}/quick`, body);
    assert.equal(response.status, 202, await response.text());
    await receiver.acknowledgedBy(1);
  });

  it('as `serve` refuses to, unless RAINCHECK_WEBHOOK_CIDRS and _HTTP say otherwise', async (t) => {
    const receiver = await WebhookReceiver.open({ secret });
    t.after(() => receiver.close());
    const body = { webhook_url: `${receiver.origin}/x` };
    {
      await using server = new ServerProcess(args('serve'));
      const response = await postJson(`${await server.url()}/quick`, body);
      assert.equal(response.status, 422);
      const https = { webhook_url: body.webhook_url.replace('http:', 'https:') };
      const blocked = await postJson(`${await server.url()}/quick`, https);
      assert.equal(((await blocked.json()) as { code: string }).code, 'webhook_url_blocked');
    }
    const env = {
      RAINCHECK_WEBHOOK_CIDRS: '127.0.0.0/8',
      RAINCHECK_WEBHOOK_HTTP: 'true',
      RAINCHECK_WEBHOOK_SECRET: secret,
    };
    await using server = new ServerProcess(args('serve'), { env });
    const response = await postJson(`${await server.url()}/quick`, body);
    assert.equal(response.status, 202, await response.text());
    await receiver.acknowledgedBy(1);
    assert.deepEqual(receiver.faults, []);
  });
});
