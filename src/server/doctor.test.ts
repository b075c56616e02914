import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { doctor } from './doctor.ts';
import { findConfig, loadConfig } from './load-config.ts';
import { raincheck } from './raincheck.ts';

let folder = '';
/** A port on which nobody listens. */
let freePort = 0;
before(async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  freePort = (server.address() as AddressInfo).port;
  server.close();
  folder = mkdtempSync(path.join(tmpdir(), 'raincheck-doctor-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('the doctor', () => {
  const ask = async (p: {
    store?: string;
    url?: string;
    config?: string;
    env?: NodeJS.ProcessEnv;
    versions?: { node: string; sqlite?: string };
  }) => {
    const { ok, lines } = await doctor({ folder, env: { PORT: String(freePort) }, ...p });
    const details = Object.fromEntries(lines.map((line) => [line.what, line]));
    return { ok, details };
  };

  it('finds nothing wrong with a folder in which nothing is yet, and makes nothing there', async () => {
    const store = path.join(folder, 'new', 'a.db');
    const { ok, details } = await ask({ store });
    assert.ok(ok, JSON.stringify(details));
    assert.match(details['store']!.detail, /not there yet and can be made/);
    assert.ok(!existsSync(path.dirname(store)));
  });

  it('refuses a Node or an SQLite that is too old, and takes the oldest that will do', async () => {
    const store = 'memory:';
    const old = await ask({ store, versions: { node: '24.14.0', sqlite: '3.51.2' } });
    assert.ok(!old.details['node']!.ok && !old.details['sqlite']!.ok);
    assert.match(old.details['node']!.detail, /^v24\.14\.0 at .* needs 24\.15\.0 or newer$/);
    assert.match(old.details['sqlite']!.detail, /SQLite 3\.51\.2, which can corrupt/);
    const good = await ask({ store, versions: { node: '24.15.0', sqlite: '3.51.3' } });
    assert.ok(good.ok, JSON.stringify(good.details));
    assert.ok((await ask({ store, versions: { node: '25.9.0', sqlite: '3.53.0' } })).ok);
    assert.ok(!(await ask({ store, versions: { node: '24.15.0' } })).ok);
  });

  it('takes a store that a server has for a good one, and a foreign file for a bad one', async () => {
    const store = path.join(folder, 'held.db');
    const rc = raincheck({ tasks: [], store });
    const held = await ask({ store });
    assert.ok(held.ok);
    assert.match(
      held.details['store']!.detail,
      new RegExp(`is in use by the running server \\(pid ${process.pid}\\)$`),
    );
    await rc.stop();
    const free = await ask({ store });
    assert.match(free.details['store']!.detail, /opens$/);

    const onFile = await ask({ store: path.join(store, 'a.db') });
    assert.match(onFile.details['store']!.detail, /held\.db is a file, so .* cannot be made/);
    const onFolder = await ask({ store: folder });
    assert.match(onFolder.details['store']!.detail, /is a folder$/);
    assert.ok(!onFile.ok && !onFolder.ok);

    const foreign = path.join(folder, 'letter.txt');
    writeFileSync(foreign, 'Dear Sir or Madam, this is not a database.\n'.repeat(10));
    const bad = await ask({ store: foreign });
    assert.ok(!bad.ok);
    assert.match(bad.details['store']!.detail, /not a Raincheck database/);
  });

  it('names a bad setting, a bad config and an address that needs a token', async () => {
    const setting = await ask({ env: { RAINCHECK_PORT: 'x' } });
    assert.match(setting.details['config']!.detail, /^RAINCHECK_PORT/);
    const missing = await ask({ config: 'nowhere.ts' });
    assert.match(missing.details['config']!.detail, /no config file at/);
    const open = await ask({ env: { HOST: '0.0.0.0' }, store: 'memory:' });
    assert.ok(!open.ok);
    assert.match(open.details['config']!.detail, /needs a token/);
  });

  it('says when the server that was named does not answer, and who has the port', async () => {
    const named = await ask({ url: `http://127.0.0.1:${freePort}`, store: 'memory:' });
    assert.ok(!named.ok);
    assert.match(named.details['server']!.detail, /does not answer \(ECONNREFUSED\)/);

    const holder = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const taken = await ask({ env: { PORT: String(port) }, store: 'memory:' });
    holder.close();
    assert.match(
      taken.details['server']!.detail,
      new RegExp(`port ${port} is taken by .*${process.pid}`),
    );
  });
});

describe('a config file', () => {
  const write = (name: string, text: string): string => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  it('is found by its name, and missing is not an error unless it was named', () => {
    assert.equal(findConfig({ folder }), null);
    const file = write('found/raincheck.config.mjs', '');
    assert.equal(findConfig({ folder: path.dirname(file) }), file);
    assert.throws(() => findConfig({ given: 'x.ts', folder }), /no config file at/);
  });

  it('needs no "type": "module" beside it, and hears no complaint about that', async () => {
    const heard: (string | undefined)[] = [];
    const hear = (warning: Error & { code?: string }) => void heard.push(warning.code);
    process.on('warning', hear);
    const file = write(
      'typeless/a.js',
      'process.emitWarning("x", { code: "OURS" }); export default { tasks: [] };',
    );
    write('typeless/package.json', '{}');
    await loadConfig(file);
    await turn();
    process.off('warning', hear);
    assert.deepEqual(heard, ['OURS']);
  });

  it('in a package of CommonJS, as npm init makes them, says the two ways out', async () => {
    const manifest = write('commonjs/package.json', '{ "type": "commonjs" }');
    for (const [name, renamed] of [
      ['raincheck.config.ts', 'raincheck.config.mts'],
      ['raincheck.config.js', 'raincheck.config.mjs'],
    ] as const) {
      const file = write(`commonjs/${name}`, 'import "node:path";\nexport default { tasks: [] };');
      await assert.rejects(loadConfig(file), (error: Error) => {
        assert.ok(error.message.includes(`${manifest} says "type": "commonjs"`), error.message);
        assert.match(error.message, /npm pkg set type=module/);
        assert.ok(error.message.endsWith(`name the file ${renamed}.`), error.message);
        return true;
      });
    }
    const broken = write('commonjs/broken.config.mts', 'export default {');
    await assert.rejects(loadConfig(broken), (error: Error) => !/commonjs"/.test(error.message));
  });

  it('that does not load, has no default export or an unknown member says so with its name', async () => {
    const refuses = (file: string, message: RegExp) =>
      assert.rejects(loadConfig(file), { code: 'invalid_option', message });
    await refuses(write('a.mjs', 'import "not-there";'), /a\.mjs could not be loaded: .*not-there/);
    await refuses(
      write('thrower.mjs', 'const a = 1;\nnull.tasks;'),
      /thrower\.mjs could not be loaded: .* \(at .*thrower\.mjs:2:6\)$/,
    );
    await refuses(
      write('b.mjs', 'export const tasks = [];'),
      /b\.mjs has no config as its default/,
    );
    await refuses(write('c.mjs', 'export default {};'), /c\.mjs: expected `tasks`/);
    await refuses(write('d.mjs', 'export default { tasks: [], prot: 1 };'), /`prot`.*`port`/);
  });
});
