import assert from 'node:assert/strict';
import type { Operation } from '../core/operation.ts';
import type { OperationFilter } from '../store/store.ts';
import { taskError, tokenOf, type StoreBench, type StoreCase } from './store-bench.ts';

/** Lists: filters, pages, text. */
export const listCases: readonly StoreCase[] = [
  {
    title: 'an empty store lists nothing',
    async run(bench) {
      const page = await bench.store.listOperations({ filter: {}, limit: 10, beforeId: null });
      assert.deepStrictEqual(page, { operations: [], nextBeforeId: null });
    },
  },
  {
    title: 'lists go newest first, whole records, whatever their state',
    async run(bench) {
      const all = await oneOfEach(bench);
      assert.deepStrictEqual(await bench.list(), newestFirst(Object.values(all)));
    },
  },
  {
    title: 'a page holds its limit, and the next starts where it ended',
    async run(bench) {
      const ids: string[] = [];
      for (let i = 0; i < 7; i += 1) {
        ids.unshift((await bench.create()).id);
        if (i % 2 === 0) bench.now += 1;
      }
      const pages: string[][] = [];
      let beforeId: string | null = null;
      do {
        const page = await bench.store.listOperations({ filter: {}, limit: 3, beforeId });
        pages.push(page.operations.map(({ id }) => id));
        beforeId = page.nextBeforeId;
      } while (beforeId !== null);
      assert.deepStrictEqual(pages.slice(0, 3), [ids.slice(0, 3), ids.slice(3, 6), ids.slice(6)]);
      for (const limit of [1, 2, 7, 8, 200]) {
        assert.deepStrictEqual(await bench.listIds({}, limit), ids);
      }
      const all = await bench.store.listOperations({ filter: {}, limit: 8, beforeId: null });
      assert.equal(all.nextBeforeId, null);
    },
  },
  {
    title: 'pages neither repeat nor miss anything while operations come and go',
    async run(bench) {
      const ids: string[] = [];
      for (let i = 0; i < 9; i += 1) ids.unshift((await bench.completed()).id);
      const seen: string[] = [];
      let beforeId: string | null = null;
      do {
        const page = await bench.store.listOperations({ filter: {}, limit: 2, beforeId });
        seen.push(...page.operations.map(({ id }) => id));
        beforeId = page.nextBeforeId;
        await bench.create();
        // The operation at the cursor is removed; the cursor still works.
        if (seen.length === 4) await bench.remove(seen[3]!);
      } while (beforeId !== null);
      assert.deepStrictEqual(seen, ids);
    },
  },
  {
    title: 'a filter by states lists these and no others',
    async run(bench) {
      const all = await oneOfEach(bench);
      for (const states of [
        ['scheduled'],
        ['ready'],
        ['parked'],
        ['running'],
        ['completed'],
        ['failed'],
        ['scheduled', 'ready', 'parked'],
        ['completed', 'failed'],
      ] as const) {
        const expected = newestFirst(states.flatMap((state) => all[state]));
        assert.deepStrictEqual(await bench.list({ states }), expected, states.join());
        assert.deepStrictEqual(await bench.list({ states }, 1), expected, states.join());
      }
      assert.deepStrictEqual(await bench.list({ states: [] }), []);
    },
  },
  {
    title: 'filters by task, tenant and error code are equality',
    async run(bench) {
      const a = await bench.create({ task: 'exports', tenant: 'acme' });
      const b = await bench.create({ task: 'exports', tenant: '' });
      const c = await bench.failed({ task: 'reports', tenant: 'acme' });
      await bench.cancel(b.id);
      const ids = (filter: OperationFilter): Promise<string[]> => bench.listIds(filter);
      assert.deepStrictEqual(await ids({ task: 'exports' }), [b.id, a.id]);
      assert.deepStrictEqual(await ids({ task: 'export' }), []);
      assert.deepStrictEqual(await ids({ task: 'Exports' }), []);
      assert.deepStrictEqual(await ids({ tenant: 'acme' }), [c.id, a.id]);
      assert.deepStrictEqual(await ids({ tenant: '' }), [b.id]);
      assert.deepStrictEqual(await ids({ code: 'task_error' }), [c.id]);
      assert.deepStrictEqual(await ids({ code: 'cancelled' }), [b.id]);
      assert.deepStrictEqual(await ids({ code: 'timeout' }), []);
      assert.deepStrictEqual(await ids({ task: 'exports', tenant: 'acme' }), [a.id]);
      assert.deepStrictEqual(await ids({ task: 'reports', code: 'cancelled' }), []);
    },
  },
  {
    title: 'a filter by labels asks for each of them, exactly',
    async run(bench) {
      const a = await bench.create({ labels: { team: 'sales', region: 'eu' } });
      const b = await bench.create({ labels: { team: 'sales', region: '' } });
      const c = await bench.create({ labels: { ['__proto__']: 'x', 'a.b "c" $': 'd\'"e' } });
      await bench.create();
      const ids = (labels: Record<string, string>): Promise<string[]> => bench.listIds({ labels });
      assert.deepStrictEqual(await ids({ team: 'sales' }), [b.id, a.id]);
      assert.deepStrictEqual(await ids({ team: 'sales', region: 'eu' }), [a.id]);
      assert.deepStrictEqual(await ids({ region: '' }), [b.id]);
      assert.deepStrictEqual(await ids({ team: 'Sales' }), []);
      assert.deepStrictEqual(await ids({ team: '' }), []);
      assert.deepStrictEqual(await ids({ toString: 'x' }), []);
      assert.deepStrictEqual(await ids({ ['__proto__']: 'x' }), [c.id]);
      assert.deepStrictEqual(await ids({ 'a.b "c" $': 'd\'"e' }), [c.id]);
      assert.equal((await ids({})).length, 4);
    },
  },
  {
    title: 'a filter by time takes from `since` up to, not including, `until`',
    async run(bench) {
      const start = bench.now;
      const ids: string[] = [];
      for (let i = 0; i < 4; i += 1) {
        ids.push((await bench.create()).id);
        bench.now += 1;
      }
      const [a, b, c, d] = ids;
      assert.deepStrictEqual(await bench.listIds({ since: start + 2 }), [d, c]);
      assert.deepStrictEqual(await bench.listIds({ until: start + 2 }), [b, a]);
      assert.deepStrictEqual(await bench.listIds({ since: start + 1, until: start + 3 }), [c, b]);
      assert.deepStrictEqual(await bench.listIds({ since: start + 1, until: start + 3 }, 1), [
        c,
        b,
      ]);
      assert.deepStrictEqual(await bench.listIds({ since: start + 2, until: start + 2 }), []);
      assert.deepStrictEqual(
        await bench.listIds({ since: 0, until: start + 99 }),
        ids.toReversed(),
      );
    },
  },
  {
    title: 'text is looked for in id, error detail and input, whatever the case of ASCII letters',
    async run(bench) {
      const a = await bench.create({ input: '{"Customer":"Ærø Ltd 100%"}' });
      const b = await bench.create({ input: '{"path":"C:\\\\a_b"}', labels: { customer: 'x' } });
      const running = await bench.running({ task: 'customer', input: '["axb", 1001]' });
      const error = taskError('Disk FULL at 100% [retry]');
      const { id } = running;
      const token = tokenOf(running);
      await bench.settle({ type: 'attempt_failed', id, token, error, retryAt: null });
      const ids = (text: string): Promise<string[]> => bench.listIds({ text });
      assert.deepStrictEqual(await ids('customer'), [a.id]);
      assert.deepStrictEqual(await ids('CUSTOMER":"'), [a.id]);
      assert.deepStrictEqual(await ids('Ærø'), [a.id]);
      assert.deepStrictEqual(await ids('æRØ'), []);
      assert.deepStrictEqual(await ids('100%'), [id, a.id]);
      assert.deepStrictEqual(await ids('a_b'), [b.id]);
      assert.deepStrictEqual(await ids('\\\\a'), [b.id]);
      assert.deepStrictEqual(await ids('%'), [id, a.id]);
      assert.deepStrictEqual(await ids('disk full'), [id]);
      assert.deepStrictEqual(await ids('[RETRY]'), [id]);
      assert.deepStrictEqual(await ids("'"), []);
      assert.deepStrictEqual(await ids('PrinterError'), []);
      assert.deepStrictEqual(await ids(b.id.toLowerCase()), [b.id]);
      assert.deepStrictEqual(await ids(b.id.slice(-6)), [b.id]);
      assert.equal((await ids('OP_')).length, 3);
    },
  },
  {
    title: 'text is looked for in the inputs of some tasks only, where that is asked',
    async run(bench) {
      const input = '{"key":"s3cret"}';
      const large = `{"pad":"${'x'.repeat(9_000)}","key":"s3cret"}`;
      const open = await bench.create({ task: 'open', input });
      const closed = await bench.running({ task: 'closed', input: large });
      const error = taskError('No s3cret here');
      const end = { id: closed.id, token: tokenOf(closed), error, retryAt: null };
      const ids = (textInputTasks: string[], text = 's3cret'): Promise<string[]> =>
        bench.listIds({ text, textInputTasks });
      assert.deepStrictEqual(await ids(['open', 'other']), [open.id]);
      assert.deepStrictEqual(await ids(['closed']), [closed.id]);
      assert.deepStrictEqual(await ids([]), []);
      assert.deepStrictEqual(await ids([], closed.id), [closed.id]);
      await bench.settle({ type: 'attempt_failed', ...end });
      assert.deepStrictEqual(await ids([]), [closed.id]);
    },
  },
  {
    title: 'one of several tasks',
    async run(bench) {
      const made: Record<string, string> = {};
      for (const task of ['a', 'b', "c'"]) made[task] = (await bench.create({ task })).id;
      assert.deepStrictEqual(await bench.listIds({ tasks: ['a', "c'", 'none'] }), [
        made["c'"],
        made['a'],
      ]);
      assert.deepStrictEqual(await bench.listIds({ tasks: ['a', 'b'], task: 'b' }), [made['b']]);
      assert.deepStrictEqual(await bench.listIds({ tasks: [] }), []);
      assert.deepStrictEqual(await bench.listIds({ tasks: ['b'], states: ['ready'] }), [made['b']]);
    },
  },
  {
    title: 'a part of the error is looked for in its detail alone, whatever the case',
    async run(bench) {
      const fail = async (detail: string): Promise<string> => {
        const running = await bench.running({ input: '"disk full"' });
        const { id } = running;
        const end = { id, token: tokenOf(running), error: taskError(detail), retryAt: null };
        await bench.settle({ type: 'attempt_failed', ...end });
        return id;
      };
      const a = await fail('Disk FULL at 100%');
      const b = await fail('disk of Ærø');
      await bench.completed({ input: '"disk full"' });
      const ids = (error: string): Promise<string[]> => bench.listIds({ error });
      assert.deepStrictEqual(await ids('disk'), [b, a]);
      assert.deepStrictEqual(await ids('full'), [a]);
      assert.deepStrictEqual(await ids('%'), [a]);
      assert.deepStrictEqual(await ids('Ærø'), [b]);
      assert.deepStrictEqual(await ids('æRØ'), []);
      assert.deepStrictEqual(await ids('task_error'), []);
      assert.deepStrictEqual(await ids(a), []);
      const both = await bench.listIds({ error: 'disk', states: ['completed', 'failed'] }, 1);
      assert.deepStrictEqual(both, [b, a]);
      assert.deepStrictEqual(await bench.listIds({ error: 'disk', states: ['completed'] }), []);
    },
  },
  {
    title: 'members of the input are compared as they were sent',
    async run(bench) {
      const inputs = [
        '{"user":{"id":"42","größe":"é 1%"},"n":1.50,"on":true,"z":null,"l":["x"]}',
        '{"user":{"id":42},"n":1.5,"on":false,"z":"null","l":"x","$a_b-c":"\\u00e9"}',
        '{"user":"42","n":"1.50","on":"true","nested":{"user":{"id":"42"}}}',
        '"42"',
        '[{"user":"42"}]',
        // Some stores keep large inputs separately.
        `{"pad":"${'x'.repeat(9_000)}","user":{"id":"42"}}`,
      ];
      const made: string[] = [];
      for (const input of inputs) made.push((await bench.create({ input })).id);
      const found = async (input: Record<string, string>): Promise<number[]> =>
        (await bench.listIds({ input }, 2)).map((id) => made.indexOf(id));
      assert.deepStrictEqual(await found({ 'user.id': '42' }), [5, 1, 0]);
      assert.deepStrictEqual(await found({ user: '42' }), [2]);
      assert.deepStrictEqual(await found({ 'user.größe': 'é 1%' }), [0]);
      assert.deepStrictEqual(await found({ 'user.größe': 'É 1%' }), []);
      assert.deepStrictEqual(await found({ '$a_b-c': 'é' }), [1]);
      assert.deepStrictEqual(await found({ n: '1.50' }), [2, 0]);
      assert.deepStrictEqual(await found({ n: '1.5' }), [1]);
      assert.deepStrictEqual(await found({ on: 'true' }), [2, 0]);
      assert.deepStrictEqual(await found({ on: '1' }), []);
      assert.deepStrictEqual(await found({ z: 'null' }), [1]);
      assert.deepStrictEqual(await found({ l: '["x"]' }), []);
      assert.deepStrictEqual(await found({ l: 'x' }), [1]);
      assert.deepStrictEqual(await found({ 'nested.user.id': '42', n: '1.50' }), [2]);
      assert.deepStrictEqual(await found({ 'nested.user.id': '42', n: '1.5' }), []);
      assert.deepStrictEqual(await found({ 'user.id.x': '42', user: '' }), []);
    },
  },
  {
    title: 'all given filters must match',
    async run(bench) {
      const labels = { team: 'sales' };
      const wanted = await bench.failed({ labels, input: '{"n":"needle"}', tenant: 'acme' });
      const full: OperationFilter = {
        tenant: 'acme',
        states: ['failed'],
        task: 'reports',
        tasks: ['exports', 'reports'],
        textInputTasks: ['reports'],
        labels,
        code: 'task_error',
        since: bench.now,
        until: bench.now + 1,
        text: 'needle',
        input: { n: 'needle' },
        error: wanted.error?.detail ?? '',
      };
      assert.deepStrictEqual(await bench.list(full), [wanted]);
      for (const miss of [
        { tenant: 'other' },
        { states: ['completed'] },
        { task: 'exports' },
        { tasks: ['exports'] },
        { textInputTasks: ['exports'] },
        { labels: { team: 'x' } },
        { code: 'timeout' },
        { since: bench.now + 1 },
        { until: bench.now },
        { text: 'hay' },
        { input: { n: 'hay' } },
        { error: 'hay' },
      ] satisfies OperationFilter[]) {
        assert.deepStrictEqual(await bench.list({ ...full, ...miss }), []);
      }
      assert.deepStrictEqual(await bench.list({ task: undefined, text: undefined }), [wanted]);
    },
  },
  {
    title: 'rare matches among many are all found, page by page',
    async run(bench) {
      const operations = Array.from({ length: 600 }, (_, i) =>
        bench.planned({ labels: { third: String(i % 200 === 7) }, task: `task-${i % 3}` }),
      );
      await bench.store.createOperations({ operations, pendingMax: 1000, now: bench.now });
      const expected = operations.filter((_, i) => i % 200 === 7).map(({ id }) => id);
      for (const limit of [1, 2, 200]) {
        const found = await bench.listIds({ labels: { third: 'true' } }, limit);
        assert.deepStrictEqual(found, expected.toReversed());
      }
      assert.equal((await bench.listIds({ task: 'task-1' }, 37)).length, 200);
    },
  },
];

async function oneOfEach(bench: StoreBench): Promise<Record<Operation['state'], Operation>> {
  const completed = await bench.completed();
  const failed = await bench.failed();
  const running = await bench.create({ concurrencyKey: 'a', priority: 1 });
  const parked = await bench.create({ concurrencyKey: 'a' });
  await bench.claim({ tasks: [{ name: 'reports', concurrency: null, keyConcurrency: 1 }] });
  bench.now += 10;
  const ready = await bench.create();
  const scheduled = await bench.create({ readyAt: bench.now + 10 });
  return {
    completed,
    failed,
    running: await bench.record(running.id),
    parked: await bench.record(parked.id),
    ready,
    scheduled,
  };
}

function newestFirst(operations: readonly Operation[]): Operation[] {
  return operations.toSorted((a, b) => (a.id < b.id ? 1 : -1));
}
