import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { fileURLToPath } from 'node:url';
import { after, describe, it } from 'node:test';
import { runCli, startCli, type CliRun } from '../../test/support/run-cli.ts';
import {
  operationEvent,
  otherSecret,
  sampleSecret,
  signedDelivery,
} from '../../test/support/signed-delivery.ts';
import { failed } from '../../test/support/wire-samples.ts';

type Sent = { readonly body: string | Buffer; readonly headers: Readonly<Record<string, string>> };
type Answered = { readonly status: number; readonly headers: Headers; readonly text: string };

type Listener = {
  readonly url: string;
  readonly post: (p: Sent) => Promise<Answered>;
  /** Resolves once stderr has matched. */
  readonly told: (pattern: RegExp) => Promise<void>;
  /** Ctrl-C, and what was printed. */
  readonly stop: () => Promise<CliRun>;
};

const children = new Set<ChildProcess>();
/** Without a secret that some dev has left. */
const folder = mkdtempSync(path.join(os.tmpdir(), 'raincheck-listen-'));
after(() => {
  children.forEach((child) => child.kill('SIGKILL'));
  rmSync(folder, { recursive: true });
});

/** `raincheck listen` on a port of its own. */
async function listener(
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Listener> {
  const cli = startCli(['listen', '--port', '0', ...args], { env, folder });
  const { child, ended } = cli;
  children.add(child);
  let first = '';
  child.stderr?.on('data', (text: string) => (first += text));
  await cli.told(/Listening on http:\S+/);
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(first)?.[0] ?? '';
  return {
    url,
    post: (p) => post(url, p),
    told: (pattern) => cli.told(pattern),
    async stop() {
      child.kill('SIGINT');
      return ended;
    },
  };
}

async function post(url: string, { body, headers }: Sent): Promise<Answered> {
  const response = await fetch(url, { method: 'POST', body, headers, redirect: 'manual' });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const withSecret = { RAINCHECK_WEBHOOK_SECRET: sampleSecret };
const delivery = signedDelivery();

/** Times, ports and lengths of time made equal. */
function golden(text: string): string {
  return text
    .replaceAll(/(?<!\d)\d\d:\d\d:\d\d\b/g, '19:05:12')
    .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:9000')
    .replaceAll(/\b[\d.]+ m?s\b/g, '2 ms');
}

type Line = {
  readonly kind: string;
  readonly id: string | null;
  readonly attempt: number;
  readonly duplicate: boolean;
  readonly same_body: boolean;
  readonly signature: { readonly state: string; readonly code?: string };
  readonly answer: { readonly status: number; readonly reason: string | null };
};

function linesOf({ stdout }: CliRun): Line[] {
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('what listen prints', () => {
  it('is a block for each delivery on stdout, and the summary on stderr at Ctrl-C', async () => {
    const { post, stop } = await listener([], withSecret);
    assert.equal((await post(delivery)).status, 200);
    assert.equal((await post(delivery)).status, 200);
    const failure = operationEvent(failed('task_error'));
    await post(signedDelivery({ id: 'msg_2', event: failure, secret: otherSecret }));
    const { code, stdout, stderr } = await stop();
    assert.equal(code, 0);
    assert.equal(
      golden(stdout),
      `19:05:12  operation.completed  op_01M833QKVJTQ91318PAAN2267W  completed
          id         msg_01M833QKVJTQ91318PAAN2267W, first attempt
          signature  ✔
          result     /countdown/op_01M833QKVJTQ91318PAAN2267W
          answered   200 in 2 ms
19:05:12  operation.completed  op_01M833QKVJTQ91318PAAN2267W  completed
          id         msg_01M833QKVJTQ91318PAAN2267W, attempt 2, a duplicate, 2 ms after 200
          signature  ✔
          result     /countdown/op_01M833QKVJTQ91318PAAN2267W
          answered   200 in 2 ms
19:05:12  operation.failed  op_01M833QKVJTQ91318PAAN2267W  failed
          id         msg_2, first attempt
          signature  ✖ no_match No signature fits: the secret is of another endpoint or was replaced, \
the body is not as it came (was it parsed and written anew?), or it is a forgery.
          error      task_error: UpstreamError 503
          answered   401 in 2 ms (the signature)
`,
    );
    assert.equal(
      golden(stderr),
      `Listening on http://127.0.0.1:9000   (Ctrl-C ends)
3 requests of 2 deliveries, 1 acknowledged, 1 duplicate, signatures: 2 ✔ 1 ✖ 0 not checked
`,
    );
  });

  it('says why a signature is not checked, and takes any body', async () => {
    const { post, stop } = await listener();
    await post({ body: '{"status":"completed","result_url":"/reports/op_1"}', headers: {} });
    await post({ body: 'no JSON', headers: { 'webhook-id': 'msg_1' } });
    const { stdout, stderr } = await stop();
    assert.equal(
      golden(stdout),
      `19:05:12  (no type)  completed
          id         (none), first attempt
          signature  not checked: no secret is given (RAINCHECK_WEBHOOK_SECRET or --secret-file)
          result     /reports/op_1
          answered   200 in 2 ms
19:05:12  (no JSON object)
          id         msg_1, first attempt
          signature  not checked: no secret is given (RAINCHECK_WEBHOOK_SECRET or --secret-file)
          answered   200 in 2 ms
`,
    );
    assert.match(stderr, /Signatures are not checked: set RAINCHECK_WEBHOOK_SECRET/);
  });

  it('is one object a line with --json, from the address to the summary', async () => {
    const { child, ended } = startCli(['listen', '--port', '0', '--json'], { env: withSecret });
    children.add(child);
    let text = '';
    child.stdout?.on('data', (chunk: string) => (text += chunk));
    while (!text.includes('\n')) await once(child.stdout!, 'data');
    const { url } = JSON.parse(text) as { url: string };
    await post(url, delivery);
    await post(url, { ...delivery, body: delivery.body.replace('true', 'null') });
    child.kill('SIGINT');
    const run = await ended;
    assert.equal(run.stderr, '');
    const [first, valid, changed, summary] = linesOf(run);
    assert.deepEqual(first, { kind: 'listening', url });
    const { received_at, ...rest } = valid as unknown as { received_at: string };
    assert.match(received_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(
      { ...rest, answer: valid?.answer.status },
      {
        kind: 'delivery',
        id: delivery.id,
        type: 'operation.completed',
        operation_id: 'op_01M833QKVJTQ91318PAAN2267W',
        status: 'completed',
        attempt: 1,
        duplicate: false,
        same_body: true,
        bytes: delivery.body.length,
        signature: { state: 'valid' },
        answer: 200,
        event: operationEvent(),
      },
    );
    assert.equal(changed?.signature.code, 'no_match');
    assert.equal(changed?.same_body, false);
    assert.deepEqual(summary, {
      kind: 'summary',
      requests: 2,
      deliveries: 1,
      acknowledged: 1,
      duplicates: 1,
      signatures: { valid: 1, invalid: 1, unchecked: 0 },
    });
  });

  it('has nothing in it that could steer a terminal', async () => {
    const { post, stop } = await listener();
    const evil = '\u001b[2J\u001b]0;owned\u0007\r\nfaked  line';
    const error = { code: evil, detail: evil };
    const event = { type: evil, operation_id: evil, status: evil, result_url: evil, error };
    await post({ body: JSON.stringify(event), headers: {} });
    const { stdout } = await stop();
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    assert.equal(stdout.trimEnd().split('\n').length, 6, stdout);
  });
});

describe('what listen answers', () => {
  it('is 500 to the first attempts of each id with --fail, then 200', async () => {
    const { post, stop } = await listener(['--fail', '2']);
    const statuses: number[] = [];
    for (const id of ['msg_a', 'msg_b', 'msg_a', 'msg_a', 'msg_b', 'msg_b', 'msg_a']) {
      statuses.push((await post(signedDelivery({ id }))).status);
    }
    assert.deepEqual(statuses, [500, 500, 500, 200, 500, 200, 200]);
    const { stdout } = await stop();
    assert.match(stdout, /msg_a, attempt 2, [\d.]+ m?s after 500\n/);
    assert.match(stdout, /answered {3}500 in \d+ ms \(--fail 2: attempt 2\)/);
    assert.match(stdout, /msg_a, attempt 4, a duplicate, .* after 200\n/);
  });

  it('is what --status says', async () => {
    const { post, stop } = await listener(['--status', '503']);
    assert.equal((await post(delivery)).status, 503);
    await stop();
  });

  it('is 405 to what is no POST, 413 to what is too large, and it lives on', async () => {
    const { url, post, told, stop } = await listener();
    const get = await fetch(url);
    assert.equal(get.status, 405);
    assert.equal(get.headers.get('allow'), 'POST');
    await get.arrayBuffer();
    assert.equal((await post({ body: 'x'.repeat(1_048_576), headers: {} })).status, 200);
    const head = 'POST / HTTP/1.1\r\nhost: here\r\ncontent-length: 9000000\r\n\r\n';
    const large = connect(Number(new URL(url).port), '127.0.0.1');
    large.write(head + 'x'.repeat(1_048_577));
    const [answer] = (await once(large, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 413 /);
    large.destroy();
    const half = connect(Number(new URL(url).port), '127.0.0.1');
    half.write(`${head}12345`, () => half.destroy());
    await told(/A request broke off: aborted/);
    assert.equal((await post(delivery)).status, 200);
    const { stderr } = await stop();
    assert.match(stderr, /GET \/: answered 405, a delivery is a POST\./);
    assert.match(stderr, /A body of more than 1048576 bytes: answered 413\./);
  });

  it('goes by any of several secrets, and by a public key', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const raw = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url');
    const secrets = `${otherSecret},whpk_${raw.toString('base64')} ${sampleSecret}`;
    const { post, stop } = await listener([], { RAINCHECK_WEBHOOK_SECRET: secrets });
    assert.equal((await post(delivery)).status, 200);
    const signed = `${delivery.id}.${delivery.headers['webhook-timestamp']}.${delivery.body}`;
    const signature = sign(null, Buffer.from(signed), privateKey).toString('base64');
    const asymmetric = { ...delivery.headers, 'webhook-signature': `v1a,${signature}` };
    assert.equal((await post({ ...delivery, headers: asymmetric })).status, 200);
    await stop();
    const { post: again, stop: stopAgain } = await listener(
      ['--secret', otherSecret, '--secret', sampleSecret],
      { RAINCHECK_WEBHOOK_SECRET: otherSecret },
    );
    assert.equal((await again(delivery)).status, 200);
    await stopAgain();
    writeFileSync(path.join(folder, 'secrets'), `${otherSecret}\n${sampleSecret}\n`);
    const { post: byFile, stop: stopByFile } = await listener(['--secret-file', 'secrets'], {
      RAINCHECK_WEBHOOK_SECRET: otherSecret,
    });
    assert.equal((await byFile(delivery)).status, 200);
    await stopByFile();
  });
});

describe('listen --forward-to', () => {
  type Got = { readonly req: IncomingMessage; readonly body: Buffer };

  async function target(
    answer: (
      got: Got,
    ) => { status: number; headers?: Record<string, string>; body?: Buffer } | null,
  ) {
    const got: Got[] = [];
    const server = createServer((req, res) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk);
        const one = { req, body: Buffer.concat(chunks) };
        got.push(one);
        const reply = answer(one);
        if (reply === null) return void req.socket.destroy();
        res.writeHead(reply.status, reply.headers).end(reply.body);
      })();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
      got,
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=b`,
      async [Symbol.asyncDispose]() {
        server.close();
        server.closeAllConnections();
        await once(server, 'close');
      },
    };
  }

  it('hands on the same bytes and headers, and answers what the target answers', async () => {
    const zipped = gzipSync('thanks');
    await using shop = await target(() => ({
      status: 202,
      headers: { 'content-encoding': 'gzip', 'x-shop': 'yes', 'retry-after': '7' },
      body: zipped,
    }));
    const { post, stop } = await listener(['--forward-to', shop.url], withSecret);
    const bytes = Buffer.from([0, 255, 254, 10, 13, 127]);
    const answered = await post({
      body: bytes,
      headers: { ...delivery.headers, 'X-Mixed-Case': 'Kept', 'user-agent': 'raincheck/1' },
    });
    const { stdout } = await stop();
    assert.deepEqual(
      [
        answered.status,
        answered.text,
        answered.headers.get('x-shop'),
        answered.headers.get('retry-after'),
      ],
      [202, 'thanks', 'yes', '7'],
    );
    const [got] = shop.got;
    assert.deepEqual(got?.body, bytes);
    assert.equal(got?.req.method, 'POST');
    assert.equal(got?.req.url, '/hook?a=b');
    const { headers } = got?.req ?? { headers: {} };
    for (const [name, value] of Object.entries(delivery.headers))
      assert.equal(headers[name], value);
    assert.ok(got?.req.rawHeaders.includes('X-Mixed-Case'));
    assert.equal(headers['user-agent'], 'raincheck/1');
    assert.equal(headers.host, new URL(shop.url).host);
    assert.equal(headers['content-length'], '6');
    assert.match(stdout, /✖ no_match/, 'the target decides, the person sees');
    assert.match(stdout, /answered {3}202 in \d+ ms \(by http:\/\/127\.0\.0\.1:\d+\/hook\?a=b\)/);
  });

  it('lets --fail come before, and hands redirects back', async () => {
    await using shop = await target(() => ({ status: 302, headers: { location: '/login' } }));
    const { post, stop } = await listener(['--forward-to', shop.url, '--fail', '1']);
    assert.equal((await post(delivery)).status, 500);
    assert.equal(shop.got.length, 0);
    const second = await post(delivery);
    assert.equal(second.status, 302);
    assert.equal(second.headers.get('location'), '/login');
    await stop();
  });

  it('answers 502 when the target is gone, or hangs up', async () => {
    const shop = await target(() => null);
    const { post, stop } = await listener(['--forward-to', shop.url]);
    assert.equal((await post(delivery)).status, 502);
    await shop[Symbol.asyncDispose]();
    assert.equal((await post(delivery)).status, 502);
    const { stdout } = await stop();
    assert.match(stdout, /502 in \d+ ms \(http:\S+: socket hang up\)/);
    assert.match(stdout, /502 in \d+ ms \(http:\S+: connect ECONNREFUSED/);
  });

  it('cuts an answer that has no end', async () => {
    await using shop = await target(() => ({ status: 200, body: Buffer.alloc(3_000_000) }));
    const { post, stop } = await listener(['--forward-to', shop.url]);
    const answered = await post(delivery);
    assert.equal(answered.status, 200);
    assert.equal(answered.text.length, 1_048_576);
    await stop();
  });
});

describe('listen refuses', () => {
  const cases: Record<string, [string[], RegExp]> = {
    'a secret that is none': [['--secret', 'hunter2'], /--secret: Expected each secret.*whsec_/],
    'a file that is not there': [
      ['--secret-file', '/nowhere/at/all'],
      /--secret-file: there is no file \/nowhere\/at\/all/,
    ],
    'a file that is empty': [['--secret-file', '/dev/null'], /--secret-file \/dev\/null is empty/],
    'an address that is none': [['--forward-to', 'localhost:8080'], /--forward-to.*http or https/],
    'a password in the address': [['--forward-to', 'http://a:b@localhost/'], /without a password/],
    'two who answer': [['--forward-to', 'http://127.0.0.1:1', '--status', '500'], /exclude each/],
    'a status that is none': [['--status', '999'], /status from 200 to 599/],
    'a negative --fail': [['--fail=-1'], /--fail.*0 or more/],
    'a port that is none': [['--port', '70000'], /port from 0 to 65535/],
  };
  for (const [name, [args, told]] of Object.entries(cases)) {
    it(`${name}, with 2`, async () => {
      const { code, stderr } = await runCli(['listen', ...args]);
      assert.equal(code, 2);
      assert.match(stderr, told);
    });
  }

  it('a secret of the environment that is none, without showing it', async () => {
    const { code, stderr } = await runCli(['listen'], {
      env: { RAINCHECK_WEBHOOK_SECRET: 'hunter2' },
    });
    assert.equal(code, 2);
    assert.match(stderr, /^✖ RAINCHECK_WEBHOOK_SECRET: Expected/);
    assert.ok(!stderr.includes('hunter2'));
  });

  it('a port that is taken, and itself as the target', async () => {
    const { url, stop } = await listener();
    const { port } = new URL(url);
    const taken = await runCli(['listen', '--port', port]);
    assert.equal(taken.code, 2);
    assert.match(taken.stderr, new RegExp(`Port ${port} is taken by .*--port`));
    await stop();
    const self = await runCli([
      'listen',
      '--port',
      port,
      '--forward-to',
      `http://localhost:${port}/x`,
    ]);
    assert.equal(self.code, 2);
    assert.match(self.stderr, /is this listener itself/);
  });
});

// util-linux's script gives the command a real pseudo-terminal; BSD's has other options.
const recorder = 'script';
const hasScript = spawnSync(recorder, ['--version'], { encoding: 'utf8' }).stdout?.includes(
  'util-linux',
);

it(
  'a terminal sees the blocks in colour, and the summary after Ctrl-C',
  { skip: !hasScript && 'no util-linux script' },
  async () => {
    const program = fileURLToPath(new URL('main.ts', import.meta.url));
    const node = `${process.execPath} --conditions=raincheck-source`;
    const command = `stty cols 80; exec ${node} ${program} listen --port 0 --fail 1`;
    const { CI: _ci, NO_COLOR: _no, FORCE_COLOR: _force, ...inherited } = process.env;
    const child = spawn(recorder, ['-qec', command, '/dev/null'], {
      env: { ...inherited, ...withSecret, TERM: 'xterm-256color', NODE_NO_WARNINGS: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.add(child);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    while (!text.includes('Ctrl-C ends')) await once(child.stdout, 'data');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0] ?? '';
    await post(url, delivery);
    await post(url, delivery);
    while (text.split('answered').length < 3) await once(child.stdout, 'data');
    child.stdin.write('\u0003');
    await once(child, 'close');
    assert.equal(
      golden(text.replaceAll('\u001b', '␛').replaceAll('\r\n', '\n')).replaceAll('^C', ''),
      `Listening on ␛[1mhttp://127.0.0.1:9000␛[22m   (Ctrl-C ends)
␛[2m19:05:12␛[22m  ␛[1moperation.completed␛[22m  op_01M833QKVJTQ91318PAAN2267W  ␛[32mcompleted␛[39m
          ␛[2mid       ␛[22m  msg_01M833QKVJTQ91318PAAN2267W, first attempt
          ␛[2msignature␛[22m  ␛[32m✔␛[39m
          ␛[2mresult   ␛[22m  /countdown/op_01M833QKVJTQ91318PAAN2267W
          ␛[2manswered ␛[22m  ␛[31m500␛[39m in 2 ms (--fail 1: attempt 1)
␛[2m19:05:12␛[22m  ␛[1moperation.completed␛[22m  op_01M833QKVJTQ91318PAAN2267W  ␛[32mcompleted␛[39m
          ␛[2mid       ␛[22m  msg_01M833QKVJTQ91318PAAN2267W, attempt 2, 2 ms after 500
          ␛[2msignature␛[22m  ␛[32m✔␛[39m
          ␛[2mresult   ␛[22m  /countdown/op_01M833QKVJTQ91318PAAN2267W
          ␛[2manswered ␛[22m  ␛[32m200␛[39m in 2 ms
2 requests of 1 delivery, 1 acknowledged, 0 duplicates, signatures: 2 ✔ 0 ✖ 0 not checked
`,
    );
  },
);
