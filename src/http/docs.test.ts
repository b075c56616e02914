import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { errorTable } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import { routeTable } from './routes.ts';
import { contextOf, kit, viaFetch } from './transports.fixture.ts';

function doc(name: string): string {
  return readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
}

/** Rows of tables whose first cell is a name in code. */
function rows(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

describe('The documents', () => {
  it('list every error as the table has it', () => {
    const documented = rows(doc('errors.md')).map((cells) => cells.slice(0, 4));
    const table = Object.entries(errorTable).map(([code, error]) => [
      `\`${code}\``,
      String(error.status),
      error.title,
      error.retryable ? 'yes' : 'no',
    ]);
    const byCode = (a: string[], b: string[]): number => (a[0]! < b[0]! ? -1 : 1);
    assert.deepEqual(documented.toSorted(byCode), table.toSorted(byCode));
  });

  it('list every limit as the code has it', () => {
    const documented = rows(doc('limits.md')).map((cells) => cells.slice(0, 2));
    const table = Object.entries(limits).map(([name, value]) => [
      `\`${name}\``,
      value.toLocaleString('en-US'),
    ]);
    assert.deepEqual(documented, table);
  });

  it('and the OpenAPI document name the addresses there are, and no other', async () => {
    const k = await kit();
    const { send } = await viaFetch.open(k.app);
    const { json: openapi } = await send('GET', '/openapi.json');
    await k.stop();
    const tasks = [...k.engine.tasks.values()];
    const shown = (path: string): string => {
      const task = tasks.find((one) => path === one.path || path.startsWith(`${one.path}/`));
      return task === undefined ? path : path.replace(task.path, '{task.path}');
    };
    const methods = ['get', 'post', 'patch', 'delete'] as const;
    const own = routeTable(contextOf(k)).all.filter(({ audience }) => audience === 'clients');
    const routed = own.flatMap((route) =>
      methods
        .filter((method) => route[method] !== undefined)
        .map((method) => [
          method,
          route.pattern.replaceAll(/(?<!:):(\w+)/g, '{$1}').replaceAll('::', ':'),
        ]),
    );
    const announced = Object.entries<object>(openapi.paths).flatMap(([path, item]) =>
      methods.filter((method) => method in item).map((method) => [method, path]),
    );
    assert.deepEqual(announced.map(String).toSorted(), routed.map(String).toSorted());
    const [table = ''] = doc('http.md').split('## Submit');
    const written = [...table.matchAll(/`(GET|POST|PATCH|DELETE) (\S+)` ?[|,]/g)].map(
      ([, ...line]) => line,
    );
    const wanted = new Set(
      routed.map(([method = '', path = '']) => `${method.toUpperCase()},${shown(path)}`),
    );
    assert.deepEqual(written.map(String).toSorted(), [...wanted].toSorted());
  });
});

describe('The OpenAPI document', () => {
  it('refers only to what is in it, and links from the 202 to the status', async () => {
    const k = await kit({ token: 'rck_12345678' });
    const { send } = await viaFetch.open(k.app);
    const answer = await send('GET', '/openapi.json', {
      headers: { authorization: 'Bearer rck_12345678' },
    });
    await k.stop();
    const openapi = answer.json;
    assert.equal(openapi.openapi, '3.1.0');
    assert.deepEqual(openapi.security, [{ token: [] }]);
    for (const [, reference] of answer.text.matchAll(/"\$ref":"#\/(components\/[^"]+)"/g)) {
      const target = reference!
        .split('/')
        .reduce<unknown>(
          (at, name) => (at as Record<string, unknown> | undefined)?.[name],
          openapi,
        );
      assert.notEqual(target, undefined, reference);
    }
    const operationIds = [...answer.text.matchAll(/"operationId":"([^"]+)","summary"/g)];
    assert.equal(new Set(operationIds.map(([, id]) => id)).size, operationIds.length);
    for (const link of Object.values<{ operationId: string }>(openapi.components.links)) {
      assert.ok(operationIds.some(([, id]) => id === link.operationId));
    }
    const input = openapi.components.schemas['strict.input'];
    assert.deepEqual(input.required, ['from', 'days']);
    const tags = new Set(openapi.tags.map(({ name }: { name: string }) => name));
    const used = [...answer.text.matchAll(/"tags":\["([^"]+)"\]/g)].map(([, tag]) => tag!);
    assert.deepEqual(
      used.filter((tag) => !tags.has(tag)),
      [],
      'Describe these in openapi/',
    );
    const codes = openapi.components.schemas.Problem.properties.code.enum;
    assert.deepEqual(codes, Object.keys(errorTable));
  });
});
