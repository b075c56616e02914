import { readFileSync } from 'node:fs';
import gax from 'google-gax';
import { base, idIn, play, print, signal } from './scenarios.js';

/**
 * node google.js <base>: what the generator of Google's clients writes for a service of ours, here
 * by hand: its protos as JSON, the operation wrapped by google-gax, which polls it over REST.
 */
const protos = new URL('node_modules/google-gax/build/protos/operations.json', import.meta.url);
const { google } = JSON.parse(readFileSync(protos, 'utf8')).nested;
const { Struct, Value, NullValue, ListValue } = gax.protobuf.common.get(
  'google/protobuf/struct.proto',
).nested.google.nested.protobuf.nested;
const { hostname, port, pathname } = new URL(base);

const method = (task) => ({
  requestType: 'Input',
  responseType: 'google.longrunning.Operation',
  parsedOptions: [{ '(google.api.http)': { post: `${pathname}/v1/${task}`, body: '*' } }],
});
const protobuf = google.nested.protobuf.nested;
const root = gax.protobuf.Root.fromJSON({
  nested: {
    google: {
      nested: {
        ...google.nested,
        // Every operation of ours holds these: a generated client has them by `import
        // "google/protobuf/struct.proto"`.
        protobuf: { nested: { ...protobuf, Struct, Value, NullValue, ListValue } },
      },
    },
    raincheck: {
      nested: {
        Input: { fields: { gate: { type: 'string', id: 1 } } },
        Tasks: {
          methods: { Held: method('held'), Broken: method('broken'), Stuck: method('stuck') },
        },
      },
    },
  },
});

const auth = new gax.googleAuthLibrary.PassThroughClient({
  transporterOptions: { retryConfig: { retry: 100, noResponseRetries: 100, maxRetryDelay: 500 } },
});
const name = `${pathname}/v1/{name=operations/**}`;
const httpRules = [
  { selector: 'google.longrunning.Operations.GetOperation', get: name },
  {
    selector: 'google.longrunning.Operations.ListOperations',
    get: `${pathname}/v1/{name=operations}`,
  },
  { selector: 'google.longrunning.Operations.DeleteOperation', delete: name },
  { selector: 'google.longrunning.Operations.CancelOperation', post: `${name}:cancel`, body: '*' },
];
const connection = { servicePath: hostname, port: Number(port), protocol: 'http', fallback: true };
const operations = gax.fallback
  .lro({ auth, protoJson: root, httpRules })
  .operationsClient(connection);
const struct = root.lookupType('google.protobuf.Struct');
const decode = (bytes) => struct.decode(bytes);
const plain = (message) => gax.serializer.toProto3JSON(message);
const descriptor = new gax.fallback.LongrunningDescriptor(operations, decode, decode);
const stub = new gax.fallback.GrpcClient({ auth }).createStub(
  root.lookupService('raincheck.Tasks'),
  connection,
);

const client = 'google-gax';
const mode = 'google.longrunning over REST';
await play(client, mode, async (task, input, scenario) => {
  const call = gax.fallback.createApiCall(
    stub.then((methods) => methods[task].bind(methods)),
    new gax.CallSettings(),
    descriptor,
  );
  const [operation] = await call(input);
  const polled = signal();
  const heard = [];
  operation.on('progress', (metadata) => {
    heard.push(plain(metadata));
    if (heard.at(-1).progressPercent === 50) polled.fire();
  });
  const ended = operation.promise().then(
    ([result]) => `result ${JSON.stringify(plain(result))}`,
    ({ code }) => gax.Status[code],
  );
  if (scenario === 'succeeded') void ended.then(() => lookAfter(operation.name, heard));
  return {
    id: idIn(operation.name),
    polled: polled.promise,
    ended,
    cancel: () => operation.cancel(),
  };
});

/** The other methods of google.longrunning. */
async function lookAfter(name, heard) {
  const [{ done }] = await operations.getOperation({ name });
  const listed = [];
  for await (const one of operations.listOperationsAsync({
    name: 'operations',
    filter: 'done=true',
    pageSize: 2,
  })) {
    listed.push(one.name);
  }
  await operations.deleteOperation({ name });
  const gone = await operations.getOperation({ name }).catch(({ code }) => gax.Status[code]);
  print({
    client,
    mode,
    scenario: 'also',
    told: [
      heard.some(({ progressMessage }) => progressMessage === 'half of it') && 'progress',
      done && 'get',
      listed.includes(name) && 'list',
      gone === 'NOT_FOUND' && 'delete',
    ]
      .filter(Boolean)
      .join(', '),
  });
}
