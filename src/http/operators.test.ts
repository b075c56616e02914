import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DocumentedAnswers } from './openapi.fixture.ts';
import {
  assertProblem,
  kit,
  transports,
  type Kit,
  type Send,
  type Transport,
} from './transports.fixture.ts';

const json = { 'content-type': 'application/json' };

for (const transport of transports) {
  describe(`What operators see, ${transport.name}`, () => suite(transport));
}

function suite(transport: Transport): void {
  let k: Kit;
  let send: Send;
  let close: () => Promise<void>;

  before(async () => {
    k = await kit();
    const opened = await transport.open(k.app);
    ({ close } = opened);
    const documented = new DocumentedAnswers((await opened.send('GET', '/openapi.json')).json);
    send = async (method, target, sent) => {
      const answer = await opened.send(method, target, sent);
      documented.check(method, target, answer);
      return answer;
    };
  });
  after(async () => {
    await k.stop();
    await close();
  });

  it('GET /workers tells of this process, busy as it is', async () => {
    await send('POST', '/slow/held', { headers: { ...json, prefer: 'wait=0' }, body: '{}' });
    const { operations } = (await send('GET', '/operations?task=held')).json;
    await k.engine.waitFor({
      id: operations[0].id,
      tenant: '',
      until: 'change',
      version: 1,
      timeoutMs: 10_000,
    });
    const answer = await send('GET', '/workers');
    assert.equal(answer.status, 200);
    const { workers } = answer.json;
    assert.equal(workers.length, 1);
    const [worker] = workers;
    assert.deepEqual([worker.state, worker.busy, worker.slots], ['live', 1, 64]);
    assert.deepEqual(worker.roles, ['api', 'worker']);
    assert.ok(worker.tasks.includes('held'));
    assert.ok(Date.parse(worker.heartbeat_at) >= Date.parse(worker.started_at));
  });

  it('takes no other method', async () => {
    assertProblem(
      await send('POST', '/workers', { headers: json, body: '{}' }),
      'method_not_allowed',
    );
  });
}
