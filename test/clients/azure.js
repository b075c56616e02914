import { createHttpPoller as poller3 } from '@azure/core-lro';
import { createHttpPoller as poller2 } from '@azure/core-lro-2';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from '@azure/core-rest-pipeline';
import { base, idIn, play, signal } from './scenarios.js';

/**
 * node azure.js <base>: submits as generated Azure clients do, over Azure's own HTTP pipeline with its retries, and
 * polls with @azure/core-lro.
 */
const http = createDefaultHttpClient();
const pipelineWith = (maxRetries) =>
  createPipelineFromOptions({
    retryOptions: { maxRetries, retryDelayInMs: 100, maxRetryDelayInMs: 500 },
  });
const usual = pipelineWith(3);
/** For the server that is killed and started again: its end in Location mode may be a 504, which is retried as well. */
const patient = pipelineWith(100);

async function send(target, init, pipeline = usual) {
  const headers = createHttpHeaders({
    'content-type': 'application/json',
    accept: 'application/json',
  });
  const request = createPipelineRequest({
    url: new URL(target, base).href,
    headers,
    allowInsecureConnection: true,
    ...init,
  });
  const response = await pipeline.sendRequest(http, request);
  const parsed = response.bodyAsText ? JSON.parse(response.bodyAsText) : undefined;
  const raw = {
    statusCode: response.status,
    headers: response.headers.toJSON(),
    body: parsed,
    request: { method: request.method, url: request.url },
  };
  return { flatResponse: parsed, rawResponse: raw };
}

const packages = { 2: '@azure/core-lro-2', 3: '@azure/core-lro' };
/** A poller of version 3 is a promise of its result: it must not come out of an async function. */
const pollUntilDone = {
  2: async (lro, options) => (await poller2(lro, options)).pollUntilDone(),
  3: (lro, options) => poller3(lro, options).pollUntilDone(),
};

function followed(version, { url, input, options, scenario }) {
  const polled = signal();
  const submitted = Promise.withResolvers();
  const lro = {
    requestMethod: 'POST',
    requestPath: url,
    sendInitialRequest: async () => {
      const answer = await send(url, { method: 'POST', body: JSON.stringify(input) });
      submitted.resolve(answer);
      return answer;
    },
    sendPollRequest: (path) =>
      send(path, { method: 'GET' }, scenario === 'restarted' ? patient : usual),
  };
  const ended = pollUntilDone[version](lro, {
    intervalInMs: 100,
    updateState: (state) => state.status === 'running' && polled.fire(),
    ...options,
  }).then(
    (result) => `result ${JSON.stringify(result.result ?? result)}`,
    (error) => error.message.replace(/^The long-running operation has (failed(?:\. \w+)?).*/, '$1'),
  );
  return { polled: polled.promise, submitted: submitted.promise, ended };
}

/** The monitor's own address in whichever header it stands. */
const monitorOf = ({ rawResponse: { headers } }) =>
  headers['operation-location'] ?? new URL(headers.location, base).href;

const modes = {
  'Operation-Location': {
    prefix: '/azure',
    cancel: (url) => send(`${url}:cancel`, { method: 'POST' }),
  },
  "Operation-Location, the task's own address": {
    prefix: '',
    options: { resourceLocationConfig: 'azure-async-operation' },
    cancel: (url) => send(`${url}:cancel`, { method: 'POST' }),
  },
  Location: { prefix: '/async', cancel: (url) => send(url, { method: 'DELETE' }) },
};

await Promise.all(
  Object.keys(pollUntilDone).flatMap((version) => [
    ...Object.entries(modes).map(([mode, { prefix, options, cancel }]) =>
      play(packages[version], mode, async (task, input, scenario) => {
        const url = `${base}${prefix}/${task}`;
        const one = followed(version, { url, input, options, scenario });
        const monitor = monitorOf(await one.submitted);
        return { ...one, id: idIn(monitor), cancel: () => cancel(monitor) };
      }),
    ),
    // A poller that was written down knows the monitor alone: no header, and no PUT of ours to begin with.
    play(packages[version], 'Body, from a state that was kept', async (task, input, scenario) => {
      const answer = await send(`${base}/azure/${task}`, {
        method: 'POST',
        body: JSON.stringify(input),
      });
      const monitor = monitorOf(answer);
      const config = { operationLocation: monitor, metadata: { mode: 'Body' } };
      const restoreFrom = JSON.stringify({ state: { status: 'running', config } });
      const one = followed(version, { url: monitor, options: { restoreFrom }, scenario });
      return {
        ...one,
        id: idIn(monitor),
        cancel: () => send(`${monitor}:cancel`, { method: 'POST' }),
      };
    }),
  ]),
);
