import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { EventSource } from 'eventsource';
import got from 'got';
import ky from 'ky';
import { Agent, request, RetryAgent } from 'undici';
import { base, play, signal } from './scenarios.js';

/**
 * node plain.js <base>: HTTP clients that know no pattern, each with the loop that docs/http.md
 * describes and with its own retries, and EventSource, which needs no loop.
 */
const posted = (input) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(input),
});
const patience = { limit: 100, backoffLimit: 500 };
const dispatcher = new RetryAgent(new Agent(), {
  maxRetries: 100,
  minTimeout: 100,
  maxTimeout: 500,
});
const run = promisify(execFile);

/** For each client: (url, {method, headers, body}) => {headers: {name: value}, body: object}. */
const clients = {
  async got(url, init) {
    const response = await got(url, { ...init, retry: patience, throwHttpErrors: false });
    return { headers: response.headers, body: JSON.parse(response.body) };
  },
  async ky(url, init) {
    const options = { ...init, retry: patience, throwHttpErrors: false, timeout: false };
    const response = await ky(url, options);
    return { headers: Object.fromEntries(response.headers), body: await response.json() };
  },
  async undici(url, init) {
    const response = await request(url, { ...init, dispatcher });
    return { headers: response.headers, body: await response.body.json() };
  },
  async curl(url, { method = 'GET', headers = {}, body }) {
    const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
    const data = body === undefined ? [] : ['-d', body];
    const retry = ['--retry', '100', '--retry-delay', '1', '--retry-all-errors'];
    const tail = ['-w', '\n%{header_json}', '-X', method, url];
    const { stdout } = await run('curl', ['-sS', ...retry, ...lines, ...data, ...tail]);
    const at = stdout.indexOf('\n{');
    const fields = Object.entries(JSON.parse(stdout.slice(at)));
    const named = Object.fromEntries(fields.map(([name, [value]]) => [name, value]));
    return { headers: named, body: JSON.parse(stdout.slice(0, at)) };
  },
};

/**
 * What to ask with and how long to wait before, given the previous answer and whether it was of the
 * status.
 */
const modes = {
  polling: (headers) => [{}, Number(headers['retry-after']) * 1000],
  // Answered when something changes after the state known by then.
  'long-polling': (_, known) => [known ? { prefer: 'wait=30' } : {}, 0],
};

async function follow(send, pace, [task, input]) {
  const submitted = await send(`${base}/${task}`, posted(input));
  const url = new URL(submitted.headers.location, base).href;
  const { id, cancel_url: cancelUrl } = submitted.body;
  const polled = signal();
  const end = async () => {
    for (let answer = submitted; ;) {
      const [headers, pauseMs] = pace(answer.headers, answer !== submitted);
      await sleep(pauseMs);
      answer = await send(url, { headers });
      const { status, error, result_url: resultUrl } = answer.body;
      if (status === 'failed') return `${status}: ${error.code}`;
      if (status === 'completed') {
        const result = await send(new URL(resultUrl, base).href, {});
        return `result ${JSON.stringify(result.body)}`;
      }
      polled.fire();
    }
  };
  const cancel = () => send(new URL(cancelUrl, base).href, { method: 'POST' });
  return { id, polled: polled.promise, ended: end(), cancel };
}

async function followEvents([task, input]) {
  const { body } = await clients.undici(`${base}/${task}`, posted(input));
  const source = new EventSource(new URL(body.events_url, base));
  const polled = signal();
  for (const event of ['status', 'progress']) source.addEventListener(event, polled.fire);
  const ended = new Promise((resolve) => {
    for (const event of ['completed', 'failed']) {
      source.addEventListener(event, ({ data }) => {
        const { status, error, result } = JSON.parse(data);
        resolve(
          status === 'failed' ? `${status}: ${error.code}` : `result ${JSON.stringify(result)}`,
        );
        source.close();
      });
    }
  });
  const cancel = () => clients.undici(new URL(body.cancel_url, base).href, { method: 'POST' });
  return { id: body.id, polled: polled.promise, ended, cancel };
}

// Whatever a client does between two tries, the script lives until all have ended.
const alive = setInterval(() => undefined, 1_000);
await Promise.all([
  ...Object.entries(clients).flatMap(([client, send]) =>
    Object.entries(modes).map(([mode, pace]) =>
      play(client, mode, (...asked) => follow(send, pace, asked)),
    ),
  ),
  play('eventsource', 'event stream', (...asked) => followEvents(asked)),
]);
clearInterval(alive);
