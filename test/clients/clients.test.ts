import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { dropSchema, newSchema } from '../../src/store-postgres/postgres-schema.fixture.ts';
import { startPostgres } from '../../src/store-postgres/postgres-server.fixture.ts';
import { postJson, ServerProcess } from '../e2e/server-process.ts';
import { AlternatingProxy } from '../support/alternating-proxy.ts';

/**
 * Other people's clients against a real server on SQLite below a path prefix, which is killed while
 * each of them follows an operation. Then once more against two nodes on one PostgreSQL that take
 * turns with every request, of which one and then the other is killed. Each script of this folder
 * is one process for all modes of its clients; scenarios.js says what it prints. The result is the
 * table in docs/compatibility.md, row by row.
 */
const folder = import.meta.dirname;
const config = path.join(folder, '..', 'e2e', 'fixtures', 'clients.config.ts');
const scripts = ['azure.js', 'google.js', 'medplum.js', 'plain.js'];
const run = promisify(execFile);

type Lock = {
  packages: Record<string, { name?: string; version: string; dependencies?: object }>;
};
const lock = JSON.parse(readFileSync(path.join(folder, 'package-lock.json'), 'utf8')) as Lock;

type Line = {
  client: string;
  mode: string;
  scenario?: string;
  told?: string;
  waiting?: string | null;
  ready?: true;
};

/** The columns of the table after client, version and mode. */
const scenarios = [
  'succeeded',
  'failed',
  'timed out',
  'cancelled',
  'restarted',
  'node lost',
  'also',
];

const text = readFileSync(path.join(folder, '..', '..', 'docs', 'compatibility.md'), 'utf8');
const [, table = ''] = text.split('## Clients');
const [header = [], , ...rows] = table
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

describe('Clients of others', () => {
  let told: Told;
  let toldByNodes: Told;

  before(async () => {
    await install();
    const data = mkdtempSync(path.join(tmpdir(), 'raincheck-clients-'));
    after(() => rmSync(data, { recursive: true, force: true }));
    const gates = ['one server', 'two nodes'].map((name) => {
      const env = { CLIENTS_TEST_GATES: path.join(data, name) };
      mkdirSync(env.CLIENTS_TEST_GATES);
      return env;
    });
    told = cellsOf(await withOneServer(path.join(data, 'operations.db'), gates[0]!));
    toldByNodes = cellsOf(await withTwoNodes(gates[1]!));
    for (const [row, cells] of told) {
      cells.set('node lost', toldByNodes.get(row)?.get('restarted') ?? 'not played');
    }
  });

  for (const row of rows) {
    it(`${row.slice(0, 3).join(', ')}, is told as docs/compatibility.md says`, () => {
      const cells = told.get(JSON.stringify(row.slice(0, 3)));
      assert.ok(cells !== undefined, `No script plays this row: ${[...told.keys()].join(' ')}`);
      const shown = scenarios.map((name) => cells.get(name)?.replace(made, 'the result') ?? '');
      assert.deepEqual(shown, row.slice(3));
    });
  }

  it('end with the result where there is one, and only there, also when the server was killed', () => {
    for (const [row, cells] of told) {
      for (const [scenario, words] of cells) {
        if (scenario === 'also') continue;
        const good = ['succeeded', 'restarted', 'node lost'].includes(scenario);
        assert.equal(words === made, good, `${row} ${scenario}: ${words}`);
      }
      for (const scenario of scenarios.slice(0, -1)) assert.ok(cells.has(scenario), row);
    }
  });

  it('are told the same by two nodes on one PostgreSQL, whichever answers', () => {
    for (const [row, cells] of told) {
      const { 'node lost': _, ...same } = Object.fromEntries(cells);
      assert.deepEqual(Object.fromEntries(toldByNodes.get(row) ?? []), same, row);
    }
    assert.equal(toldByNodes.size, told.size);
  });

  it('are in docs/compatibility.md, all of them', () => {
    assert.deepEqual(header.slice(3, 7), scenarios.slice(0, 4));
    const written = rows.map((row) => JSON.stringify(row.slice(0, 3)));
    assert.deepEqual(written.toSorted(), [...told.keys()].toSorted());
  });
});

/** Ten times what it takes on a machine with nothing else to do. */
const longestMs = 90_000;

const made = 'result {"made":"report"}';

/** Name and version of a client as the table has them; curl is the machine's. */
function clientCells(client: string): readonly [string, string] {
  const entry = lock.packages[`node_modules/${client}`];
  return entry === undefined ? [client, ''] : [entry.name ?? client, entry.version];
}

/** Installs once; packages that are there already, in the version of the lockfile, stay. */
async function install(): Promise<void> {
  const wanted = Object.keys(lock.packages['']?.dependencies ?? {});
  const present = wanted.every((name) => {
    const file = path.join(folder, 'node_modules', name, 'package.json');
    if (!existsSync(file)) return false;
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
    return version === lock.packages[`node_modules/${name}`]?.version;
  });
  if (present) return;
  const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline'];
  await run('npm', ['ci', ...flags], { cwd: folder });
}

/** What each row was told, by scenario. */
type Told = Map<string, Map<string, string>>;

/** In the environment of a server: see clients.config.ts. */
type Gates = { readonly CLIENTS_TEST_GATES: string };

function cellsOf(lines: readonly Line[]): Told {
  const cells: Told = new Map();
  for (const { client, mode, scenario = '', told } of lines) {
    if (told === undefined) continue;
    const row = JSON.stringify([...clientCells(client), mode]);
    if (!cells.has(row)) cells.set(row, new Map());
    cells.get(row)!.set(scenario, told);
  }
  return cells;
}

/**
 * The server is killed once all clients wait for it, and started again when every one of them has
 * missed it.
 */
async function withOneServer(file: string, env: Gates): Promise<Line[]> {
  const args = ['serve', '--config', config, '--store', `sqlite:${file}`, '--base-path', '/ops'];
  await using first = new ServerProcess([...args, '--port', '0'], { env });
  const base = await first.url();
  const { port } = new URL(base);
  let second: ServerProcess | null = null;
  try {
    return await played(base, async (ids, done) => {
      first.kill('SIGKILL');
      await first.exited;
      await Promise.race([askedInVain(Number(port), ids), done]);
      second = new ServerProcess([...args, '--port', port], { env });
      await second.url();
    });
  } finally {
    await (second as ServerProcess | null)?.[Symbol.asyncDispose]();
  }
}

/**
 * Two nodes on one PostgreSQL, both answering and working. Once all clients wait, one is killed.
 * When each client has asked the other, a third takes the place of the first and the other is
 * killed too: no client keeps its connection, and no operation keeps the process that ran it.
 */
async function withTwoNodes(gates: Gates): Promise<Line[]> {
  const database = await startPostgres();
  const options = { url: database.url, schema: newSchema() };
  const env = { ...gates, DATABASE_URL: `${options.url}?schema=${options.schema}` };
  const nodes: ServerProcess[] = [];
  const proxy = new AlternatingProxy();
  const node = async (): Promise<number> => {
    const args = ['serve', '--base-path', '/ops', '--port', '0', '--config', config];
    nodes.push(new ServerProcess(args, { env }));
    return Number(new URL(await nodes.at(-1)!.url()).port);
  };
  try {
    const [one, two] = [await node(), await node()];
    proxy.use(one, two);
    const base = `http://127.0.0.1:${await proxy.listen()}/ops`;
    const lines = await played(base, async (ids, done) => {
      proxy.use(two);
      nodes[0]!.kill('SIGKILL');
      await Promise.race([proxy.asked(ids), done]);
      const three = await node();
      proxy.use(three);
      nodes[1]!.kill('SIGKILL');
      await Promise.race([proxy.asked(ids), done]);
    });
    const [first = 0, second = 0] = [one, two].map((port) => proxy.counts.get(port));
    assert.ok(first > 50 && second > 50, `requests to one node ${first}, to the other ${second}`);
    return lines;
  } finally {
    proxy.close();
    await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    await dropSchema(options);
    await database.stop();
  }
}

/**
 * Everything the scripts print. `loseServer` is called with the operations that all of them follow
 * at that time.
 */
async function played(
  base: string,
  loseServer: (ids: readonly string[], done: Promise<unknown>) => Promise<void>,
): Promise<Line[]> {
  const clients = scripts.map((script) => new ClientProcess(script, base));
  // A client that never ends is ended here, and the test fails.
  const tooLong = setTimeout(() => clients.forEach((client) => client.stop()), longestMs);
  try {
    await Promise.all(clients.map((client) => client.ready));
    const ids = clients.flatMap(({ lines }) => lines.flatMap(({ waiting }) => waiting ?? []));
    const done = Promise.all(clients.map((client) => client.done));
    done.catch(() => undefined);
    await loseServer(ids, done);
    await postJson(`${base}/open`, { gate: 'after the restart' });
    await done;
    return clients.flatMap(({ lines }) => lines);
  } finally {
    clearTimeout(tooLong);
    for (const client of clients) client.stop();
  }
}

/** One script and the lines that it printed. */
class ClientProcess {
  readonly lines: Line[] = [];
  /** Resolves when it prints that everything waits for the server to be killed. */
  readonly ready: Promise<void>;
  /** Resolves when it ends well. Both reject when it does not. */
  readonly done: Promise<void>;
  readonly #child: ChildProcess;

  constructor(script: string, base: string) {
    this.#child = spawn(process.execPath, ['--no-warnings', script, base], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    this.#child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (errors += chunk));
    this.done = this.#end(() => `${script} failed:\n${errors}`);
    this.ready = Promise.race([this.#read(), this.done]);
  }

  async #end(complaint: () => string): Promise<void> {
    const [code] = (await once(this.#child, 'close')) as [number | null];
    if (code !== 0) throw new Error(complaint());
  }

  async #read(): Promise<void> {
    const ready = Promise.withResolvers<void>();
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const parsed = JSON.parse(line) as Line;
      this.lines.push(parsed);
      if (parsed.ready) ready.resolve();
    });
    return ready.promise;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
    this.done.catch(() => undefined);
  }
}

/**
 * Listens in the server's place and breaks off every connection once it has sent a request, until
 * every one of these operations has been asked for: no client survives the restart just by having
 * slept.
 */
async function askedInVain(port: number, ids: readonly string[]): Promise<void> {
  const missing = new Set(ids);
  const all = Promise.withResolvers<void>();
  const listener = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (chunk) => {
      const [id = ''] = /op_[0-9A-Z]{26}/.exec(chunk.toString('latin1')) ?? [];
      missing.delete(id);
      if (missing.size === 0) all.resolve();
      socket.resetAndDestroy();
    });
  });
  listener.listen(port, '127.0.0.1').unref();
  await once(listener, 'listening');
  await all.promise;
  listener.close();
}
