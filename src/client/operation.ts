import { durationMs, type Duration } from '../core/duration.ts';
import type { WireLogLine, WireOperation } from '../core/wire-operation.ts';
import { operationIn } from './answered-operation.ts';
import { operationEvents, type OperationEvent } from './events.ts';
import { operationLogs, type LogsOptions } from './logs.ts';
import { OperationFailed, ProblemError, WaitTimeout } from './problem.ts';
import { randomKey } from './random-key.ts';
import type { Transport } from './transport.ts';
import { isFinal, waitForFinal } from './wait.ts';

/** One operation on a server. Its `url` is enough to come back to it later, from anywhere. */
export type OperationHandle<Output = unknown> = {
  readonly id: string;
  /** The absolute status address. */
  readonly url: string;
  /** The operation as it was accepted; null when the handle was made from an id or address. */
  readonly accepted: WireOperation | null;
  /**
   * Whether the server knew the Idempotency-Key, so that this is the operation of an earlier
   * submit.
   */
  readonly replayed: boolean;
  /** Reads the current state. */
  status(options?: CallOptions): Promise<WireOperation>;
  /**
   * Resolves when the operation is completed or failed. Lasts through restarts of the server and
   * lost connections until `timeout` (then WaitTimeout) or `signal`; both end the wait, not the
   * operation.
   */
  wait(settings?: WaitSettings): Promise<WireOperation>;
  /**
   * Waits, then resolves to what the handler returned: the JSON value, or a File for anything else.
   * Rejects with OperationFailed when it failed, and with ProblemError (410) when the result has
   * expired.
   */
  result(settings?: WaitSettings): Promise<Output>;
  /**
   * The states from now to the final one, by the server's event stream, or by long-polling where no
   * stream can be had. A slow reader gets only the newest. Throws as wait() does.
   */
  events(options?: CallOptions): AsyncIterableIterator<OperationEvent>;
  /**
   * The lines that the handlers wrote with `log`, in order; about the latest 256 KiB are kept. With
   * `follow`, it goes on until the operation ends; otherwise it yields the lines that exist now.
   */
  logs(options?: LogsOptions): AsyncIterableIterator<WireLogLine>;
  /**
   * The result as it is served, for streaming. Rejects with OperationFailed, or with WaitTimeout
   * when there is no result yet.
   */
  download(options?: CallOptions): Promise<Response>;
  /** Asks to cancel. A pending operation is final at once, a running one when its handler stops. */
  cancel(options?: CallOptions): Promise<WireOperation>;
  /**
   * Submits a copy of this failed operation, with another input when one is given. As with a
   * submit, an Idempotency-Key goes with it.
   */
  retry(input?: unknown, options?: CallOptions): Promise<OperationHandle<Output>>;
  /**
   * Removes a final operation with its result and resolves to null, also when it was gone already.
   * An unfinished one is asked to cancel and stays; then it resolves as cancel() does.
   */
  remove(options?: CallOptions): Promise<WireOperation | null>;
};

/** Options of every call. */
export type CallOptions = {
  /**
   * Gives the call up, which rejects with the signal's reason. The server may still do what it was
   * asked to.
   */
  readonly signal?: AbortSignal | undefined;
};

/** How a call waits for the end of an operation. Ending the wait does not touch the operation. */
export type WaitSettings = {
  /** After this time the call rejects with WaitTimeout. Default: none. */
  readonly timeout?: Duration | undefined;
  /** Ends the wait; the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called with the first state and with each later one that differs. */
  readonly onChange?: ((operation: WireOperation) => void) | undefined;
};

export function createOperationHandle<Output>(
  transport: Transport,
  p: { readonly url: URL; readonly accepted?: WireOperation; readonly replayed?: boolean },
): OperationHandle<Output> {
  const { url } = p;
  const id = p.accepted?.id ?? decodeURIComponent(url.pathname.split('/').at(-1) ?? '');

  async function status({ signal }: CallOptions = {}): Promise<WireOperation> {
    return operationIn(await transport.request({ method: 'GET', url, signal }), url);
  }

  async function wait(settings: WaitSettings = {}): Promise<WireOperation> {
    const { timeout, signal, onChange } = settings;
    const timeoutMs = timeout === undefined ? undefined : durationMs('timeout', timeout);
    return waitForFinal(transport, url, { timeoutMs, signal, onChange });
  }

  async function open(operation: WireOperation, signal?: AbortSignal): Promise<Response> {
    if (operation.status === 'failed') throw new OperationFailed(operation);
    if (operation.result_url === null) throw new WaitTimeout(url.href, operation);
    const address = transport.address(operation.result_url);
    const headers = { accept: '*/*' };
    return transport.download({ method: 'GET', url: address, headers, signal });
  }

  return {
    id,
    url: url.href,
    accepted: p.accepted ?? null,
    replayed: p.replayed ?? false,
    status,
    wait,
    async result(settings = {}) {
      const operation = await wait(settings);
      // The member may be null, which is a result too.
      if (isFinal(operation) && 'result' in operation) return operation.result as Output;
      return (await valueOf(await open(operation, settings.signal))) as Output;
    },
    events: ({ signal } = {}) => operationEvents(transport, url, signal),
    logs: (options) => operationLogs(transport, url, options),
    async download(options = {}) {
      return open(await status(options), options.signal);
    },
    async cancel({ signal } = {}) {
      const address = below(url, 'cancel');
      return operationIn(
        await transport.request({ method: 'POST', url: address, signal }),
        address,
      );
    },
    async remove({ signal } = {}) {
      try {
        const answer = await transport.request({ method: 'DELETE', url, signal });
        return answer.status === 204 ? null : operationIn(answer, url);
      } catch (error) {
        // It was gone already, or an earlier try removed it and its answer was lost.
        if (error instanceof ProblemError && error.code === 'operation_gone') return null;
        throw error;
      }
    },
    retry: (input, options) => retried(transport, { url, input, signal: options?.signal }),
  };
}

async function retried<Output>(
  transport: Transport,
  p: { readonly url: URL; readonly input: unknown; readonly signal: AbortSignal | undefined },
): Promise<OperationHandle<Output>> {
  const address = below(p.url, 'retry');
  const answer = await transport.request({
    method: 'POST',
    url: address,
    json: p.input === undefined ? undefined : { input: p.input },
    headers: { 'idempotency-key': randomKey() },
    signal: p.signal,
  });
  const accepted = operationIn(answer, address);
  return createOperationHandle(transport, {
    url: transport.address(accepted.status_url),
    accepted,
  });
}

/**
 * JSON as its parsed value, anything else as a File with its type and the name from
 * Content-Disposition.
 */
async function valueOf(response: Response): Promise<unknown> {
  const type = response.headers.get('content-type') ?? 'application/octet-stream';
  if (/^application\/(?:[\w.-]+\+)?json\b/.test(type)) return response.json();
  return new File([await response.blob()], fileName(response.headers) ?? 'result', { type });
}

/** The last path segment of Content-Disposition's filename* or filename (RFC 6266); null when it has none. */
export function fileName(headers: Headers): string | null {
  const disposition = headers.get('content-disposition') ?? '';
  const encoded = /filename\*=utf-8''([^;\s]+)/i.exec(disposition)?.[1];
  const plain = /filename="((?:[^"\\]|\\.)*)"/i.exec(disposition)?.[1]?.replaceAll(/\\(.)/g, '$1');
  const bare = /filename=([^";\s]+)/i.exec(disposition)?.[1];
  const name = (encoded === undefined ? (plain ?? bare) : decoded(encoded)) ?? '';
  const last = name.split(/[/\\]/).at(-1) ?? '';
  return last === '' || last === '.' || last === '..' ? null : last;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function below(url: URL, verb: string): URL {
  return new URL(`${url.origin}${url.pathname}/${verb}`);
}
