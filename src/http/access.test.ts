import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { impliedScopes, scopes, type Scope } from '../core/scope.ts';
import { limits } from '../core/limits.ts';
import { createAccess, type AccessToken } from './access.ts';
import { fetchHandler } from './fetch-adapter.ts';
import { neededScope, type Route } from './route.ts';
import { routeTable } from './routes.ts';
import {
  assertProblem,
  contextOf,
  kit,
  listening,
  transports,
  viaFetch,
  type Kit,
  type Send,
} from './transports.fixture.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const tokens: readonly AccessToken[] = scopes.map((scope) => ({
  name: `only-${scope}`,
  token: `rck_only_${scope}`,
  scopes: [scope],
}));
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const methods = ['get', 'post', 'patch', 'delete'] as const;

/** Actions whose scope is not the default (`read` to GET, `operate` to change), by pattern. */
const exceptions: Readonly<Record<string, Scope | null>> = {
  'get /': null,
  'get /openapi.json': null,
  'get /arazzo.json': null,
  'get /whoami': null,
  'get /problems/:code': null,
  'get /tasks': null,
  'get /tasks/:name': null,
  'post /webhooks/endpoints': 'admin',
  'patch /webhooks/endpoints/:id': 'admin',
  'delete /webhooks/endpoints/:id': 'admin',
  'get /webhooks/endpoints/:id/secret': 'admin',
  'post /webhooks/endpoints/:id/secret/rotate': 'admin',
  'get /webhooks/secret': 'admin',
  'post /webhooks/secret/rotate': 'admin',
};

describe('Every route', () => {
  let k: Kit;
  let all: readonly Route[] = [];
  before(async () => {
    k = await kit({ tokens });
    ({ all } = routeTable(contextOf(k)));
  });
  after(() => k.stop());

  /** Status, problem and challenge of a request. Streams are left at once. */
  async function ask(method: string, path: string, headers: Record<string, string>) {
    const url = `http://raincheck.test${path}`;
    const response = await fetchHandler(k.app)(new Request(url, { method, headers }));
    const isProblem = response.headers.get('content-type') === 'application/problem+json';
    if (!isProblem) await response.body?.cancel();
    const problem = isProblem
      ? ((await response.json()) as { code: string; detail: string })
      : null;
    return { status: response.status, problem, response };
  }

  function* actions() {
    for (const route of all) {
      for (const method of methods) {
        if (route[method] === undefined) continue;
        yield { route, method, at: `${method} ${route.pattern}` };
      }
    }
  }

  /** A path of the route that leads to nothing existing. */
  const addressOf = (pattern: string): string =>
    pattern.replaceAll(/(?<!:):\w+|\*/g, 'op_00000000000000000000000000').replaceAll('::', ':');

  it('wants the scope that its kind of request has', () => {
    const taskPaths = [...k.engine.tasks.values()].flatMap(({ path }) =>
      ['', '/azure', '/v1', '/async'].flatMap((view) => [`${view}${path}`, `${path}/async`]),
    );
    for (const { route, method, at } of actions()) {
      if (route.open) continue;
      const submits = method === 'post' && taskPaths.includes(route.pattern);
      const usual = submits ? 'submit' : method === 'get' ? 'read' : 'operate';
      const wanted = at in exceptions ? exceptions[at] : usual;
      const redrives = route.pattern === '/webhooks/dead-letters/redrive';
      assert.equal(neededScope(route, method, {}), redrives ? 'operate' : wanted, at);
    }
    const known = new Set([...actions()].map(({ at }) => at));
    assert.deepEqual(
      Object.keys(exceptions).filter((at) => !known.has(at)),
      [],
    );
  });

  it('answers 401 without a token, and 403 that names the scope without that scope', async () => {
    let refusals = 0;
    for (const { route, method, at } of actions()) {
      const path = addressOf(route.pattern);
      const upper = method.toUpperCase();
      const bare = await ask(upper, path, {});
      if (route.open) {
        // The page asks for the token itself, in a form.
        if (route.pattern === '/docs') assert.equal(bare.status, 401, at);
        else assert.notEqual(bare.status, 401, at);
        continue;
      }
      assert.deepEqual([bare.status, bare.problem?.code], [401, 'unauthorized'], at);
      const needed = neededScope(route, method, { id: '', name: '' });
      for (const scope of scopes) {
        const { status, problem, response } = await ask(upper, path, bearer(`rck_only_${scope}`));
        const may = needed === null || impliedScopes([scope]).includes(needed);
        if (may) assert.ok(![401, 403].includes(status), `${at} with ${scope}: ${status}`);
        else {
          refusals += 1;
          assert.deepEqual([status, problem?.code], [403, 'forbidden'], `${at} with ${scope}`);
          assert.ok(problem?.detail.includes(`\`${needed}\``), problem?.detail);
          assert.ok(problem?.detail.includes(`'only-${scope}'`), problem?.detail);
          assert.match(response.headers.get('www-authenticate') ?? '', /insufficient_scope/);
        }
      }
    }
    assert.ok(refusals > 100);
  });

  it('of Google’s lets who may read wait, and not cancel', async () => {
    const id = 'op_00000000000000000000000000';
    for (const path of [`/v1/operations/${id}`, `/v1/operations%2F${id}`]) {
      assert.equal((await ask('POST', `${path}:wait`, bearer('rck_only_read'))).status, 404);
      assert.equal((await ask('POST', `${path}:cancel`, bearer('rck_only_read'))).status, 403);
    }
  });

  it('is told with its scope in the OpenAPI document', async () => {
    const { send } = await viaFetch.open(k.app);
    const openapi = await send('GET', '/openapi.json', { headers: bearer('rck_only_read') });
    const { paths } = openapi.json;
    assert.deepEqual(paths['/operations'].get.security, [{ token: ['read'] }]);
    assert.deepEqual(paths['/echo'].post.security, [{ token: ['submit'] }]);
    assert.deepEqual(paths['/operations/{id}/cancel'].post.security, [{ token: ['operate'] }]);
    assert.deepEqual(paths['/webhooks/secret/rotate'].post.security, [{ token: ['admin'] }]);
    assert.deepEqual(paths['/whoami'].get.security, [{ token: [] }]);
    assert.deepEqual(paths['/livez'].get.security, []);
  });
});

for (const transport of transports) {
  describe(`Tokens ${transport.name}`, () => {
    let k: Kit;
    let send: Send;
    let close: () => Promise<void>;
    before(async () => {
      const ci = { name: 'ci', sha256: sha256('rck_of_the_ci').toUpperCase(), scopes: ['submit'] };
      k = await kit({ token: 'rck_for_everything', tokens: [...tokens, ci as AccessToken] });
      ({ send, close } = await transport.open(k.app));
    });
    after(async () => {
      await close();
      await k.stop();
    });

    it('are told who they are and what they may do', async () => {
      const who = async (token: string) =>
        (await send('GET', '/whoami', { headers: bearer(token) })).json;
      assert.deepEqual(await who('rck_for_everything'), { name: null, scopes, secured: true });
      assert.deepEqual(await who('rck_of_the_ci'), {
        name: 'ci',
        scopes: ['submit'],
        secured: true,
      });
      assert.deepEqual((await who('rck_only_operate')).scopes, ['read', 'operate']);
      assert.deepEqual((await who('rck_only_admin')).scopes, scopes);
      assertProblem(await send('GET', '/whoami'), 'unauthorized');
      assertProblem(
        await send('GET', '/whoami', { headers: bearer('rck_of_nobody') }),
        'unauthorized',
      );
    });

    it('that only submit can find the task, submit and wait, and see nothing afterwards', async () => {
      const headers = { ...bearer('rck_of_the_ci'), 'content-type': 'application/json' };
      assert.equal((await send('GET', '/tasks/echo', { headers })).json.path, '/echo');
      const wait = { ...headers, prefer: 'wait=20' };
      const answer = await send('POST', '/echo', { headers: wait, body: '{"a":1}' });
      assert.deepEqual([answer.status, answer.json], [200, { echo: { a: 1 } }]);
      const accepted = await send('POST', '/echo', { headers, body: '{}' });
      const status = accepted.headers.get('location') ?? '';
      assertProblem(await send('GET', status, { headers }), 'forbidden');
      assertProblem(
        await send('HEAD', status, { headers: bearer('rck_of_nobody') }).then((head) => {
          assert.equal(head.status, 401);
          return send('GET', status, { headers: bearer('rck_of_nobody') });
        }),
        'unauthorized',
      );
      assert.equal((await send('GET', status, { headers: bearer('rck_only_read') })).status, 200);
    });
  });

  describe(`A page of another origin ${transport.name}`, () => {
    let k: Kit;
    let send: Send;
    let close: () => Promise<void>;
    let host = '';
    before(async () => {
      k = await kit({
        publicUrl: 'https://api.example.com/ops',
        allowedOrigins: ['https://app.example.com'],
      });
      ({ send, close } = await transport.open(k.app));
      host = transport.name === 'through fetch' ? 'raincheck.test' : '127.0.0.1';
    });
    after(async () => {
      await close();
      await k.stop();
    });
    const post = (origin: string, headers: Record<string, string> = {}) => {
      const json = { 'content-type': 'application/json', origin, ...headers };
      return send('POST', '/ops/echo', { headers: json, body: '{}' });
    };

    it('may submit nothing, JSON or not, without a token', async () => {
      const foreign = ['https://evil.example', 'null', 'http://127.0.0.1:1', `http://x${host}`];
      for (const origin of foreign) {
        assertProblem(await post(origin), 'cross_site');
        assertProblem(await post(origin, { 'content-type': 'text/plain' }), 'cross_site');
        assertProblem(await post(origin, { 'sec-fetch-site': 'same-site' }), 'cross_site');
        assert.equal((await post(origin, bearer('rck_something'))).status, 202);
        // Browsers add these by themselves after a proxy in front of us asked for them.
        assertProblem(await post(origin, { authorization: 'Basic YTpi' }), 'cross_site');
        assertProblem(await post(origin, { authorization: 'Negotiate YTpi' }), 'cross_site');
        const read = await send('GET', '/ops/operations', { headers: { origin } });
        assert.equal(read.status, 200);
      }
    });

    it('is ours when it is the public one, the host that was asked, or one that is allowed', async () => {
      for (const origin of ['https://api.example.com', 'https://app.example.com']) {
        assert.equal((await post(origin)).status, 202, origin);
      }
      const changed = { 'sec-fetch-site': 'same-origin' };
      assert.equal((await post('https://behind.a.proxy', changed)).status, 202);
      const asked = { host: 'raincheck.test:8080' };
      if (transport.name === 'through node:http') {
        assert.equal((await post('https://raincheck.test:8080', asked)).status, 202);
      } else {
        assert.equal((await post('https://raincheck.test')).status, 202);
      }
    });
  });
}

describe('A page that a name of its own leads to this machine', () => {
  it('may do nothing in dev without a token, where it looks as if it were ours', async () => {
    const k = await kit({ dev: true });
    const app = fetchHandler(k.app);
    const post = async (host: string): Promise<number> => {
      const headers = { origin: `http://${host}`, 'content-type': 'application/json' };
      const request = new Request(`http://${host}/echo`, { method: 'POST', headers, body: '{}' });
      return (await app(request)).status;
    };
    for (const host of ['localhost:7333', '127.0.0.1:7333', '[::1]:7333', 'shop.localhost']) {
      assert.equal(await post(host), 202, host);
    }
    for (const host of ['evil.example:7333', 'localhost.evil.example', '127.0.0.1.evil.example']) {
      assert.equal(await post(host), 403, host);
    }
    await k.stop();
  });

  it('may read nothing either, though browsers name no origin then', async () => {
    const k = await kit({ dev: true, allowedOrigins: ['https://tunnel.example'] });
    const { port, close } = await listening(k.app);
    const statusOf = (path: string, headers: Record<string, string>, method = 'GET') =>
      new Promise<number | undefined>((resolve, reject) => {
        const req = httpRequest({ host: '127.0.0.1', port, path, method, headers });
        req
          .on('response', (res) => resolve(res.resume().statusCode))
          .on('error', reject)
          .end();
      });
    const own = ['localhost', '127.0.0.1:7333', '[::1]:7333', '192.168.1.2:7333', 'app.localhost'];
    for (const host of [...own, 'raincheck:7333', 'host.docker.internal', 'tunnel.example']) {
      assert.equal(await statusOf('/operations', { host }), 200, host);
    }
    const others = ['evil.example:7333', 'localhost.evil.example', '127.0.0.1.evil.example'];
    for (const host of [...others, 'a!b.evil.example', '1.evil.example.']) {
      for (const path of ['/operations', '/inbox', '/docs', '/openapi.json', '/nowhere']) {
        assert.equal(await statusOf(path, { host }), 403, `${host}${path}`);
      }
      assert.equal(await statusOf('/operations', { host }, 'HEAD'), 403, host);
    }
    // Only browsers send it, only over https and to this machine, and no page can set it.
    const typed = { host: 'other.example', 'sec-fetch-site': 'none' };
    assert.equal(await statusOf('/operations', typed), 200);
    await close();
    await k.stop();
    const secured = await kit({ dev: true, token: 'rck_12345678' });
    const request = new Request('http://evil.example/tasks', { headers: bearer('rck_12345678') });
    assert.equal((await fetchHandler(secured.app)(request)).status, 200);
    await secured.stop();
  });
});

describe('Tokens that are no tokens', () => {
  const good: AccessToken = { name: 'a', token: 'rck_12345678', scopes: ['read'] };
  const bad: readonly [string, unknown][] = [
    ['tokens', 'rck_12345678'],
    ['tokens[0]', ['rck_12345678']],
    ['tokens[0].name', [{ ...good, name: '' }]],
    ['tokens[0].token', [{ ...good, token: 'sh:rt' }]],
    ['tokens[0]', [{ name: 'a', scopes: ['read'] }]],
    ['tokens[0]', [{ ...good, sha256: sha256('x') }]],
    ['tokens[0].sha256', [{ name: 'a', sha256: 'abc', scopes: ['read'] }]],
    ['tokens[0].scopes', [{ ...good, scopes: [] }]],
    ['tokens[0].scopes', [{ ...good, scopes: ['write'] }]],
    ['tokens[0]', [{ ...good, scope: ['read'] }]],
    ['tokens', [good, { ...good, token: 'rck_87654321' }]],
    ['tokens', [good, { ...good, name: 'b' }]],
    ['tokens', Array.from({ length: limits.tokensMax + 1 }, () => good)],
  ];
  for (const [name, given] of bad) {
    it(`are refused by name and without the secret: ${name} of ${JSON.stringify(given).slice(0, 60)}`, () => {
      assert.throws(
        () => createAccess({ tokens: given as AccessToken[] }),
        (error: Error & { code: string }) =>
          error.code === 'invalid_option' &&
          error.message.includes(name) &&
          !/rck_|sh:rt/.test(error.message),
      );
    });
  }
});
