import process from 'node:process';
import { createHttpPoller as poller3 } from '@azure/core-lro';
import { createHttpPoller as poller2 } from '@azure/core-lro-2';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from '@azure/core-rest-pipeline';

/**
 * node azure.js <version 2|3> <mode> <url of the submit> <body>: submits as a generated Azure client does, over Azure's
 * own HTTP pipeline with its retries, polls with @azure/core-lro and prints {status, result, error}.
 */
const [version, mode, url, body] = process.argv.slice(2);
const http = createDefaultHttpClient();
const pipeline = createPipelineFromOptions({
  retryOptions: { maxRetries: 10, retryDelayInMs: 200 },
});

async function send(target, init) {
  const headers = createHttpHeaders({
    'content-type': 'application/json',
    accept: 'application/json',
  });
  const request = createPipelineRequest({
    url: new URL(target, url).href,
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

const sendInitialRequest = () => send(url, { method: 'POST', body });
const sendPollRequest = (path) => send(path, { method: 'GET' });
const options = {
  intervalInMs: 100,
  resourceLocationConfig: mode === 'location' ? undefined : mode,
};

try {
  const lro = { sendInitialRequest, sendPollRequest, requestMethod: 'POST', requestPath: url };
  const poller = version === '2' ? await poller2(lro, options) : poller3(lro, options);
  const result = await poller.pollUntilDone();
  print({ status: 'succeeded', result });
} catch (error) {
  print({ status: 'failed', error: { name: error.name, message: error.message } });
}

function print(outcome) {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
