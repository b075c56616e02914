import process from 'node:process';
import gax from 'google-gax';

/**
 * node google.js <origin> <path of the submit> <body> [cancel]: submits, then follows the operation with the
 * OperationsClient of google-gax over REST, set up as generated clients do, and prints what became of it.
 */
const [origin, path, body, verb] = process.argv.slice(2);
const { hostname, port } = new URL(origin);

const auth = {
  getClient: async () => auth,
  getRequestHeaders: async () => new Headers(),
  getUniverseDomain: async () => 'googleapis.com',
  universeDomain: 'googleapis.com',
  fetch: async (target, init) => {
    const response = await fetch(target, init);
    return Object.assign(response, { data: undefined });
  },
};
const rules = [
  { selector: 'google.longrunning.Operations.GetOperation', get: '/v1/{name=operations/**}' },
  { selector: 'google.longrunning.Operations.ListOperations', get: '/v1/{name=operations}' },
  { selector: 'google.longrunning.Operations.DeleteOperation', delete: '/v1/{name=operations/**}' },
  {
    selector: 'google.longrunning.Operations.CancelOperation',
    post: '/v1/{name=operations/**}:cancel',
    body: '*',
  },
];
const client = gax.fallback.lro({ auth, httpRules: rules }).operationsClient({
  servicePath: hostname,
  port: Number(port),
  protocol: 'http',
  fallback: true,
});

const headers = { 'content-type': 'application/json' };
const submitted = await (await fetch(origin + path, { method: 'POST', headers, body })).json();
const { name } = submitted;
if (verb === 'cancel') await client.cancelOperation({ name });
let operation;
do {
  [operation] = await client.getOperation({ name });
} while (!operation.done);
const listed = [];
for await (const one of client.listOperationsAsync({ name: 'operations', filter: 'done=true' }))
  listed.push(one.name);
await client.deleteOperation({ name });
const gone = await client.getOperation({ name }).then(
  () => 'still there',
  (error) => error.code,
);
print({
  done: operation.done,
  response: operation.response,
  error: operation.error,
  listed: listed.includes(name),
  gone,
});

function print(outcome) {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}
