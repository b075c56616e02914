import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { statementName } from './batch.ts';

/** A proxy before the server that a test can cut where it wants. */
export type Proxy = {
  readonly url: string;
  /**
   * Cuts the connection at the next COMMIT. `before`: COMMIT never arrives; `after`: it succeeds,
   * and its answer is lost. Resolves when that has happened; then both ends of the connection are
   * closed.
   */
  cutAtCommit(when: 'before' | 'after'): Promise<void>;
  /** From now on nothing goes through, and neither end is told: a half-open link. */
  freeze(): void;
  /** New connections work again. */
  thaw(): void;
  close(): Promise<void>;
};

export async function startProxy(serverUrl: string): Promise<Proxy> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let frozen = false;
  let cut: { readonly when: 'before' | 'after'; readonly done: () => void } | null = null;

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    const both = [client, upstream];
    for (const socket of both) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        for (const one of both) one.destroy();
      });
    }
    const end = (): void => {
      cut?.done();
      cut = null;
      for (const one of both) one.destroy();
    };
    client.on('data', (bytes) => {
      if (frozen) return;
      const isCut = cut !== null && bytes.includes(statementName('COMMIT'));
      if (isCut && cut?.when === 'before') {
        end();
        return;
      }
      upstream.write(bytes);
      if (!isCut) return;
      // The server has answered that it committed; this answer and all further ones are dropped.
      upstream.removeAllListeners('data').on('data', (answer) => {
        if (answer.includes('COMMIT\0')) end();
      });
    });
    upstream.on('data', (bytes) => {
      if (!frozen) client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = new URL(serverUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    cutAtCommit: (when) => new Promise((done) => (cut = { when, done })),
    freeze: () => {
      frozen = true;
    },
    thaw: () => {
      frozen = false;
      for (const socket of sockets) socket.destroy();
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
