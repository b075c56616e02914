import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Window } from 'happy-dom';
import type * as Roots from 'react-dom/client';
import { createElement as h, StrictMode, type ReactElement } from 'react';
import { renderToString } from 'react-dom/server';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { completed, sampleId, wireOperation } from '../../test/support/wire-samples.ts';
import { createClient, type Client } from '../client/client.ts';
import type { WireOperation } from '../core/wire-operation.ts';
import { kit, listening } from '../http/transports.fixture.ts';
import { useOperation } from './use-operation.ts';

/** A page that shows an operation, with real React in a DOM and a real server. */
function Status(p: {
  readonly client: Client;
  readonly address: string | null;
  readonly initial?: WireOperation;
}): ReactElement {
  const { operation, error, handle, reconnect } = useOperation(p.client, p.address, p.initial);
  const cancel = (): void => void handle?.cancel();
  return h(
    'p',
    null,
    h('output', null, error?.name ?? operation?.status ?? 'nothing yet'),
    h('b', null, (operation?.result as string | undefined) ?? operation?.error?.code),
    h('button', { onClick: error === null ? cancel : reconnect }, 'go'),
  );
}

describe('useOperation', () => {
  const window = new Window({ url: 'http://localhost/' });
  const { document } = window;
  let roots: typeof Roots;
  before(async () => {
    // React reads these globals when it is loaded. The client still uses Node's fetch.
    Object.assign(globalThis, { window, document });
    roots = await import('react-dom/client');
  });
  after(async () => {
    await window.happyDOM.close();
    Object.assign(globalThis, { window: undefined, document: undefined });
  });

  function place(html = '') {
    const container = document.createElement('div');
    container.innerHTML = html;
    document.body.append(container);
    const element = container as unknown as HTMLElement;
    /** Resolves once the page shows `text`. */
    const shows = (text: string): Promise<void> =>
      new Promise((resolve) => {
        const look = (): void => {
          if (!container.textContent.includes(text)) return;
          observer.disconnect();
          resolve();
        };
        const observer = new window.MutationObserver(look);
        observer.observe(container, { childList: true, characterData: true, subtree: true });
        look();
      });
    return { element, shows, press: () => container.querySelector('button')!.click() };
  }

  async function serving() {
    const k = await kit();
    const { port, close } = await listening(k.app);
    return {
      k,
      client: createClient({ baseUrl: `http://127.0.0.1:${port}` }),
      async [Symbol.asyncDispose]() {
        await k.stop();
        await close();
      },
    };
  }

  it('shows an operation as it goes, also in StrictMode, and another one when the address changes', async () => {
    await using server = await serving();
    const { client, k } = server;
    const [held, cancelled] = [await client.submit('held', {}), await client.submit('held', {})];
    const page = place();
    const root = roots.createRoot(page.element);
    const show = (address: string | null): void =>
      root.render(h(StrictMode, null, h(Status, { client, address })));
    show(null);
    await page.shows('nothing yet');
    show(cancelled.url);
    await page.shows('processing');
    page.press();
    await page.shows('failedcancelled');
    show(held.id);
    await page.shows('processing');
    k.release();
    await page.shows('completedreleased');
    root.unmount();
  });

  it('goes on from what the server rendered', async () => {
    await using server = await serving();
    const { client, k } = server;
    const { url } = await client.submit('held', {});
    const initial = await client.operation(url).status();
    const element = h(Status, { client, address: url, initial });
    const html = renderToString(element);
    assert.match(html, /<output>(?:pending|processing)<\/output>/);
    assert.match(renderToString(h(Status, { client, address: url })), /nothing yet/);
    const page = place(html);
    const complaints: unknown[] = [];
    const onRecoverableError = (error: unknown): void => void complaints.push(error);
    const root = roots.hydrateRoot(page.element, element, { onRecoverableError });
    k.release();
    await page.shows('completedreleased');
    assert.deepEqual(complaints, [], 'what was rendered here is what was rendered there');
    root.unmount();
  });

  it('follows nothing more once it is unmounted', async () => {
    const hungUp = Promise.withResolvers<void>();
    let requests = 0;
    await using server = await serving();
    const { url } = await server.client.submit('held', {});
    const client = createClient({
      baseUrl: new URL(url).origin,
      async fetch(input, init) {
        requests += 1;
        init?.signal?.addEventListener('abort', () => hungUp.resolve());
        return fetch(input, init);
      },
    });
    const page = place();
    const root = roots.createRoot(page.element);
    root.render(h(Status, { client, address: url }));
    await page.shows('processing');
    root.unmount();
    await hungUp.promise;
    assert.equal(requests, 1);
  });

  it('shows why it stopped, and takes up again', async () => {
    let isBack = false;
    await using server = await scriptedServer(() =>
      isBack ? { status: 200, body: completed('made') } : { status: 403, body: { title: 'No' } },
    );
    const client = createClient({ baseUrl: server.url });
    const page = place();
    const root = roots.createRoot(page.element);
    const initial = wireOperation({ status: 'processing' });
    root.render(h(Status, { client, address: sampleId, initial }));
    await page.shows('ProblemError');
    isBack = true;
    page.press();
    await page.shows('completedmade');
    root.unmount();
  });
});
