import { fetchFromServer, served } from '../state/server.ts';
import { token } from '../state/session.ts';
import { Action } from './action.tsx';

/** Opens a result. A link cannot send a token, so with one the bytes are fetched and saved. */
export function ResultLink({ url }: { readonly url: string }) {
  if (token.value === null) {
    return (
      <a class="button" href={served(url)} target="_blank" rel="noreferrer">
        Open the result
      </a>
    );
  }
  return <Action act={() => save(served(url))}>Download the result</Action>;
}

async function save(url: string): Promise<void> {
  const response = await fetchFromServer(url);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download =
    nameIn(response.headers.get('content-disposition')) ?? url.split('/').at(-1) ?? 'result';
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** The file name of RFC 6266; the UTF-8 form first. */
function nameIn(disposition: string | null): string | null {
  const wide = /filename\*=UTF-8''([^;]+)/i.exec(disposition ?? '')?.[1];
  if (wide !== undefined) return decodeURIComponent(wide);
  return /filename="([^"]+)"/i.exec(disposition ?? '')?.[1] ?? null;
}
