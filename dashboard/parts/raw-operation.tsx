import type { WireOperation } from 'raincheck/client';
import { curlOf } from '../state/commands.ts';
import { useLoaded } from '../state/loaded.ts';
import { send, served } from '../state/server.ts';
import { Code } from './code.tsx';
import { Trouble } from './trouble.tsx';

/** The status resource as programs see it. */
export function RawOperation({ operation }: { readonly operation: WireOperation }) {
  const url = served(operation.status_url);
  const key = `${url} ${operation.status} ${operation.attempt}`;
  const raw = useLoaded(key, (signal) => send(new URL(url), { signal }));
  const answer = raw.data.value;
  return (
    <>
      <Code text={curlOf({ url, shows: true })} label="the command" />
      <Trouble error={raw.error.value} />
      {answer === null ? null : <Code text={answerText(answer)} label="the answer" />}
    </>
  );
}

/** An answer as curl -i would print it, with indented JSON. */
export function answerText(answer: {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  readonly text: string;
}): string {
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`);
  return [
    `HTTP/1.1 ${answer.status} ${answer.statusText}`,
    ...headers,
    '',
    laidOut(answer.text),
  ].join('\n');
}

function laidOut(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
