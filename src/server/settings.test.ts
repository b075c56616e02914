import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { limits } from '../core/limits.ts';
import { isLoopback } from './listen.ts';
import { parseStoreAddress, storeLabel } from './open-store.ts';
import { sampleInput } from '../http/openapi/sample-input.ts';
import { settingsDocs, settingTable } from './setting-table.ts';
import { readSettings } from './settings.ts';

const none = { mode: 'dev', flags: {}, env: {}, config: {} } as const;

describe('settings', () => {
  it('put the flag before the variable, the variable before the file, the file before the default', () => {
    const env = { RAINCHECK_PORT: '2' };
    const config = { port: 3 };
    const port = (p: Partial<Parameters<typeof readSettings>[0]>) =>
      readSettings({ ...none, ...p }).port;
    assert.equal(port({ flags: { port: 1 }, env, config }), 1);
    assert.equal(port({ env, config }), 2);
    assert.equal(port({ config }), 3);
    assert.equal(port({}), 7333);
  });

  it('take our own variable before the common one, and an empty one as not set', () => {
    const port = (env: NodeJS.ProcessEnv) => readSettings({ ...none, env }).port;
    assert.equal(port({ RAINCHECK_PORT: '1', PORT: '2' }), 1);
    assert.equal(port({ RAINCHECK_PORT: '', PORT: '2' }), 2);
  });

  it('find the store where platforms name a PostgreSQL, last of all and not for dev', () => {
    const postgres = { DATABASE_URL: 'postgres://db/app' };
    const store = (p: Partial<Parameters<typeof readSettings>[0]>) =>
      readSettings({ ...none, mode: 'serve', ...p }).store;
    assert.equal(store({ env: postgres }), 'postgres://db/app');
    assert.equal(store({ env: postgres, mode: 'worker' }), 'postgres://db/app');
    assert.equal(store({ env: { ...postgres, RAINCHECK_STORE: 'a.db' } }), 'a.db');
    assert.equal(store({ env: postgres, config: { store: 'b.db' } }), 'b.db');
    assert.match(store({ env: postgres, mode: 'dev' }), /^sqlite:/);
    assert.match(store({ env: { DATABASE_URL: 'mysql://db/app' } }), /^sqlite:/);
  });

  it('name the variable, the flag or the member that does not fit', () => {
    const fails = (p: object, message: RegExp) =>
      assert.throws(() => readSettings({ ...none, ...p }), { code: 'invalid_option', message });
    fails({ env: { PORT: '99999' } }, /^PORT: expected a port from 0 to 65535, got "99999"/);
    fails({ env: { RAINCHECK_DRAIN: '2 years' } }, /^RAINCHECK_DRAIN: /);
    fails({ flags: { logLevel: 'loud' } }, /^--log-level: expected one of debug/);
    fails({ config: { concurrency: 0 } }, /^`concurrency` of the config file: /);
  });

  it('name the variable of webhooks that does not fit, whatever is wrong with it', () => {
    const fails = (env: Record<string, string>, message: RegExp) =>
      assert.throws(() => readSettings({ ...none, env }), { code: 'invalid_option', message });
    fails({ RAINCHECK_WEBHOOK_CIDRS: '10.0.0.0/99' }, /^RAINCHECK_WEBHOOK_CIDRS: .*"10.0.0.0\/99"/);
    fails({ RAINCHECK_WEBHOOK_CIDRS: '10.0.0.1,x' }, /^RAINCHECK_WEBHOOK_CIDRS: expected ranges/);
    fails({ RAINCHECK_WEBHOOK_HOSTS: 'a.*.example' }, /^RAINCHECK_WEBHOOK_HOSTS: expected names/);
    fails({ RAINCHECK_WEBHOOK_TIMEOUT: '1ms' }, /^RAINCHECK_WEBHOOK_TIMEOUT: .*from 10 ms/);
    fails(
      { RAINCHECK_WEBHOOK_SECRET: 'whsec_hunter2' },
      /^(?!.*hunter2)RAINCHECK_WEBHOOK_SECRET: /,
    );
    const config = { tasks: [], webhooks: { allowedCidrs: ['10.0.0.0/99'] } };
    assert.throws(
      () => readSettings({ ...none, config }),
      /: `webhooks.allowedCidrs` of the config/,
    );
    const env = { RAINCHECK_WEBHOOK_CIDRS: '10.0.0.0/8, fd00::/8' };
    const settings = readSettings({ ...none, env });
    assert.deepEqual(settings['webhooks.allowedCidrs'], ['10.0.0.0/8', 'fd00::/8']);
  });

  it('take tokens with scopes as JSON from the variable, and say what is wrong without showing them', () => {
    const read = (json: string) =>
      readSettings({ ...none, env: { RAINCHECK_TOKENS: json } }).tokens;
    const ci = { name: 'ci', token: 'rck_hunter2', scopes: ['submit', 'read'] };
    assert.deepEqual(read(JSON.stringify([ci])), [ci]);
    assert.deepEqual(read(''), []);
    const fails = (json: string, message: RegExp) =>
      assert.throws(() => read(json), { code: 'invalid_option', message });
    fails('rck_hunter2', /^(?!.*hunter2)RAINCHECK_TOKENS: expected a list/);
    fails('{"ci":"rck_hunter2"}', /^(?!.*hunter2)RAINCHECK_TOKENS: /);
    fails(
      JSON.stringify([{ ...ci, scopes: ['write'] }]),
      /^(?!.*hunter2)RAINCHECK_TOKENS: .*`tokens\[0\].scopes` to be a list of submit, read/,
    );
    const env = { RAINCHECK_ALLOWED_ORIGINS: 'https://a.example, https://b.example/' };
    assert.throws(
      () => readSettings({ ...none, env }),
      /^RaincheckError: RAINCHECK_ALLOWED_ORIGINS: /,
    );
  });

  it('never show a token that does not fit', () => {
    const env = { RAINCHECK_TOKEN: 'sécret' };
    assert.throws(
      () => readSettings({ ...none, env }),
      ({ message }: Error) => message.startsWith('RAINCHECK_TOKEN') && !message.includes('cret'),
    );
  });

  it('of webhooks stand together in the file, and lists have commas or spaces between', () => {
    const read = (p: object) => readSettings({ ...none, ...p });
    const config = {
      webhooks: { concurrency: 8, allowedHosts: ['a.example'], attemptTimeout: '3s' },
    };
    const fromFile = read({ config });
    assert.equal(fromFile['webhooks.concurrency'], 8);
    assert.deepEqual(fromFile['webhooks.allowedHosts'], ['a.example']);
    assert.equal(fromFile['webhooks.attemptTimeout'], 3_000);
    const env = {
      RAINCHECK_WEBHOOK_HOSTS: 'b.example, *.c.example',
      RAINCHECK_WEBHOOK_HTTP: 'false',
    };
    const fromBoth = read({ config, env });
    assert.deepEqual(fromBoth['webhooks.allowedHosts'], ['b.example', '*.c.example']);
    assert.equal(fromBoth['webhooks.httpAllowed'], false);
    assert.equal(read({})['webhooks.httpAllowed'], true, 'dev');
    assert.equal(read({ mode: 'serve' })['webhooks.httpAllowed'], false);
    assert.equal(read({ config: { webhooks: false } })['webhooks.concurrency'], 64);
  });

  it('of webhooks name the member that does not fit, and never show a secret', () => {
    const fails = (p: object, message: RegExp) =>
      assert.throws(() => readSettings({ ...none, ...p }), { code: 'invalid_option', message });
    const member = /^`webhooks\.concurrency` of the config file: expected a whole number/;
    fails({ config: { webhooks: { concurrency: 'all' } } }, member);
    fails(
      { env: { RAINCHECK_WEBHOOK_HTTP: 'maybe' } },
      /^RAINCHECK_WEBHOOK_HTTP: expected true or/,
    );
    fails({ config: { webhooks: { secret: ['hunter2', 5] } } }, /^(?!.*hunter2).*webhooks\.secret/);
  });

  it('stand in docs/config.md as they are', () => {
    const docs = readFileSync(new URL('../../docs/config.md', import.meta.url), 'utf8');
    assert.ok(
      docs.includes(settingsDocs()),
      `docs/config.md needs this table:\n\n${settingsDocs()}`,
    );
    assert.ok(docs.includes(`a list of 1 to ${limits.deliveryFailuresMax - 1} durations`));
  });

  it('have no two with one variable', () => {
    const variables = Object.values(settingTable).flatMap(({ env }) => env);
    assert.equal(new Set(variables).size, variables.length);
  });
});

describe('a store address', () => {
  it('is sqlite: with a path, a path alone, or memory:', () => {
    assert.deepEqual(parseStoreAddress('memory:'), { kind: 'memory' });
    for (const [address, path] of [
      ['sqlite:.raincheck/dev.db', '.raincheck/dev.db'],
      ['sqlite:/var/lib/a.db', '/var/lib/a.db'],
      ['sqlite:///var/lib/a.db', '/var/lib/a.db'],
      ['data/a.db', 'data/a.db'],
      ['C:\\data\\a.db', 'C:\\data\\a.db'],
    ]) {
      assert.deepEqual(parseStoreAddress(address!), { kind: 'sqlite', path });
    }
  });

  it('is postgres:// with what is ours in its parameters, and is told without its login', () => {
    const address =
      'postgres://u:hunter2@h:5433/db?schema=orders&notify=off&connections=20&sslmode=require';
    assert.deepEqual(parseStoreAddress(address), {
      kind: 'postgres',
      options: {
        url: 'postgres://u:hunter2@h:5433/db?sslmode=require',
        schema: 'orders',
        connections: 20,
        notify: false,
      },
    });
    assert.equal(storeLabel(address), 'postgres://h:5433/db, schema orders');
    assert.equal(storeLabel('postgresql:///db'), 'postgres://localhost/db, schema raincheck');
  });

  it('of another kind is refused without repeating what may be a password', () => {
    for (const address of [
      'postgres://u:hunter2@h/db?shema=a',
      'postgres://u:hunter2@h/db?notify=perhaps',
      'postgres://u:hunter2@h:port/db',
      'redis://:hunter2@h',
      'sqlite:',
      ' ',
      '',
    ]) {
      assert.throws(
        () => parseStoreAddress(address),
        (error: Error & { code: string }) =>
          error.code === 'invalid_option' && !error.message.includes('hunter2'),
      );
    }
  });
});

it('only loopback addresses count as this machine alone', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '[::1]', 'localhost', '::ffff:127.0.0.1']) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.0.0.1.example.com', '']) {
    assert.ok(!isLoopback(host), host);
  }
});

it('a sample input uses examples, enums and defaults and leaves out what may be left out', () => {
  const schema = {
    type: 'object',
    required: ['type', 'range', 'count', 'nested'],
    properties: {
      type: { enum: ['a', 'b'] },
      range: { type: 'string', examples: ['2026'] },
      count: { type: 'integer', minimum: 3 },
      nested: { type: 'object', required: ['on'], properties: { on: { type: 'boolean' } } },
      note: { type: 'string' },
    },
  };
  assert.deepEqual(sampleInput(schema), {
    type: 'a',
    range: '2026',
    count: 3,
    nested: { on: true },
  });
  assert.deepEqual(sampleInput(null), {});
});
