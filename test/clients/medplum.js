import { MedplumClient } from '@medplum/core';
import { fetch as undiciFetch, Agent, RetryAgent } from 'undici';
import { base, idIn, play, signal } from './scenarios.js';

/**
 * node medplum.js <base>: FHIR's asynchronous pattern, which is RFC 7240's respond-async. Medplum
 * retries a failed request at once and three times, so to survive a restart it gets a fetch that is
 * more patient.
 */
const dispatcher = new RetryAgent(new Agent(), {
  maxRetries: 100,
  minTimeout: 100,
  maxTimeout: 500,
  statusCodes: [], // a 504 is how a timed-out operation ends
});

await play('@medplum/core', 'respond-async', async (task, input) => {
  const polled = signal();
  const submitted = Promise.withResolvers();
  const client = new MedplumClient({
    baseUrl: base,
    async fetch(url, init) {
      const response = await undiciFetch(url, { ...init, dispatcher });
      if (response.status === 202) {
        submitted.resolve(response.headers.get('content-location'));
        if (init.method === 'GET') polled.fire();
      }
      return response;
    },
  });
  const ended = client
    .startAsyncRequest(`${base}/async/${task}`, {
      body: JSON.stringify(input),
      pollStatusOnAccepted: true,
      pollStatusPeriod: 200,
    })
    .then(
      (result) => `result ${JSON.stringify(result)}`,
      (error) => error.message,
    );
  const monitor = await submitted.promise;
  const cancel = () => fetch(monitor, { method: 'DELETE' });
  return { id: idIn(monitor), polled: polled.promise, ended, cancel };
});
