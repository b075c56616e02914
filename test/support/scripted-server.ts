import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a script sees it. */
export type Seen = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
};

/** 'hang up' closes the connection without an answer; 'hang' keeps it open until the server closes. */
export type Scripted =
  | {
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | 'hang up'
  | 'hang';

export type ScriptedServer = AsyncDisposable & {
  readonly url: string;
  readonly seen: readonly Seen[];
};

/**
 * A server that answers what the test says, for what a real one does only in bad hours: lost
 * answers, overload, proxies with pages of their own.
 */
export async function scriptedServer(
  answer: (request: Seen, number: number) => Scripted | Promise<Scripted>,
): Promise<ScriptedServer> {
  const seen: Seen[] = [];
  const server: Server = createServer((req, res) => {
    void (async () => {
      const request = await readRequest(req);
      seen.push(request);
      const reply = await answer(request, seen.length);
      if (reply === 'hang') return;
      if (reply === 'hang up') return void req.socket.destroy();
      const isText = typeof reply.body === 'string';
      const type = isText ? 'text/plain' : 'application/json';
      res.writeHead(reply.status, { 'content-type': type, ...reply.headers });
      if (reply.body === undefined) res.end();
      else res.end(isText ? reply.body : JSON.stringify(reply.body));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function readRequest(req: IncomingMessage): Promise<Seen> {
  let text = '';
  req.setEncoding('utf8');
  for await (const chunk of req) text += chunk;
  const url = new URL(req.url ?? '/', 'http://scripted');
  return {
    method: req.method ?? '',
    path: url.pathname,
    query: url.searchParams,
    headers: req.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}
