import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { PathTable } from './path-table.ts';

function tableOf(...patterns: string[]): PathTable<string> {
  const table = new PathTable<string>();
  for (const pattern of patterns) table.add(pattern, pattern);
  return table;
}

describe('a path table', () => {
  const table = tableOf(
    '/',
    '/operations',
    '/operations/:id',
    '/operations/:id/events',
    '/operations::batch-cancel',
    '/reports/async',
    '/reports/:id',
    '/files/*',
    '/v1/:name',
    '/v1/operations/:id',
    '/a/fixed/end',
    '/a/:x/other',
    '/a/*',
  );
  const cases: [path: string, found: string | null, params?: Record<string, string>][] = [
    ['/', '/'],
    ['', null],
    ['*', null],
    ['operations', null],
    ['/operations', '/operations'],
    ['/operations/', null],
    ['//operations', null],
    ['/operations/op_1', '/operations/:id', { id: 'op_1' }],
    ['/operations/op_1/', null],
    ['/operations/op_1/events', '/operations/:id/events', { id: 'op_1' }],
    ['/operations//events', null],
    ['/Operations', null],
    ['/operations:batch-cancel', '/operations::batch-cancel'],
    ['/operations%3abatch%2Dcancel', '/operations::batch-cancel'],
    ['/%6Fperations/a%20b', '/operations/:id', { id: 'a b' }],
    ['/operations/a%2Fevents', '/operations/:id', { id: 'a/events' }],
    ['/operations%2Fa', null],
    ['/operations/%252F', '/operations/:id', { id: '%2F' }],
    ['/operations/%C3%A4', '/operations/:id', { id: 'ä' }],
    ['/operations/%', null],
    ['/operations/%C3', null],
    ['/files/%zz', null],
    ['/reports/async', '/reports/async'],
    ['/reports/%61sync', '/reports/async'],
    ['/reports/asynchronous', '/reports/:id', { id: 'asynchronous' }],
    ['/v1/operations', '/v1/:name', { name: 'operations' }],
    ['/v1/operations/x:cancel', '/v1/operations/:id', { id: 'x:cancel' }],
    ['/v1/operations%2Fx', '/v1/:name', { name: 'operations/x' }],
    ['/files', null],
    ['/files/', '/files/*', { '*': '' }],
    ['/files/a/b%2Fc//', '/files/*', { '*': 'a/b/c//' }],
    ['/a/fixed/end', '/a/fixed/end'],
    ['/a/fixed/other', '/a/:x/other', { x: 'fixed' }],
    ['/a/fixed/none', '/a/*', { '*': 'fixed/none' }],
    ['/a/b/other/more', '/a/*', { '*': 'b/other/more' }],
    ['/operations/__proto__', '/operations/:id', { id: '__proto__' }],
    ['/__proto__', null],
    [`/operations/${'x'.repeat(200)}`, '/operations/:id', { id: 'x'.repeat(200) }],
    [`/operations/${'x'.repeat(201)}`, null],
  ];
  for (const [path, found, params = {}] of cases) {
    it(`finds ${found ?? 'nothing'} for ${path.length > 60 ? `${path.length} chars` : path}`, () => {
      const match = table.find(path);
      assert.deepEqual(match, found === null ? null : { value: found, params });
    });
  }

  it('refuses a pattern that is there, whatever its parameters are called', () => {
    for (const pattern of ['/operations', '/operations/:key', '/files/*', '/b/*/c', '/b/*/*']) {
      assert.throws(() => tableOf('/operations', '/operations/:id', '/files/*').add(pattern, ''), {
        message: new RegExp(`^The pattern ${pattern.replaceAll('*', String.raw`\*`)} is there`),
      });
    }
  });

  it('finds what a search through all patterns finds', () => {
    const name = fc.constantFrom('a', 'b', 'a:b', '%', 'ä', 'a/b', 'x'.repeat(201));
    const fixed = fc.constantFrom('a', 'b', 'a::b', 'ä');
    const pattern = fc
      .tuple(fc.array(fc.oneof(fixed, fc.constantFrom(':p')), { maxLength: 4 }), fc.boolean())
      .map(([some, isOpen]) => numbered(isOpen ? [...some, '*'] : some));
    const patterns = fc.uniqueArray(pattern, { maxLength: 12 });
    const encoded = fc.oneof(
      fc
        .tuple(name, fc.boolean())
        .map(([text, all]) => (all ? escaped(text) : encodeURIComponent(text))),
      fc.constantFrom('', '%', '%C3', '%zz', 'a%2fb'),
    );
    const path = fc.array(encoded, { maxLength: 5 }).map((some) => `/${some.join('/')}`);
    fc.assert(
      fc.property(patterns, fc.array(path, { minLength: 1, maxLength: 8 }), (patterns, paths) => {
        const table = tableOf(...patterns);
        for (const path of paths) assert.deepEqual(table.find(path), naiveFind(patterns, path));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Parameters are distinguished by their position. */
function numbered(segments: readonly string[]): string {
  return `/${segments.map((segment, i) => (segment === ':p' ? `:p${i}` : segment)).join('/')}`;
}

/** Every octet percent-encoded. */
function escaped(text: string): string {
  const hex = Buffer.from(text).toString('hex');
  return hex.replaceAll(/../g, '%$&');
}

/**
 * A naive search: matches each pattern separately and takes the one that is most specific at the
 * first difference.
 */
function naiveFind(patterns: readonly string[], path: string) {
  const fitting = patterns.flatMap((pattern) => {
    const params = naiveMatch(pattern, path);
    return params === null ? [] : [{ value: pattern, params }];
  });
  // 'f' < 'p' < 'r', segment by segment.
  const rank = (pattern: string): string =>
    pattern.replaceAll(/\/[^/]*/g, (segment) => {
      if (segment === '/*') return 'r';
      return segment.startsWith('/:p') ? 'p' : 'f';
    });
  return fitting.toSorted((a, b) => (rank(a.value) < rank(b.value) ? -1 : 1))[0] ?? null;
}

function naiveMatch(pattern: string, path: string): Record<string, string> | null {
  const names: string[] = [];
  const source = pattern
    .slice(1)
    .split('/')
    .map((segment) => {
      if (segment === '*') return names.push('*') && '(.*)';
      if (segment.startsWith(':p')) return names.push(segment.slice(1)) && '([^/]+)';
      return `(${segment === '' ? '' : '[^/]+'})`;
    });
  const match = new RegExp(`^/${source.join('/')}$`, 's').exec(path);
  if (match === null) return null;
  const params: Record<string, string> = {};
  for (const [i, segment] of pattern.slice(1).split('/').entries()) {
    let text: string;
    try {
      text = decodeURIComponent(match[i + 1] ?? '');
    } catch {
      return null;
    }
    if (segment === '*') params['*'] = text;
    else if (!segment.startsWith(':p')) {
      if (text !== segment.replaceAll('::', ':')) return null;
    } else if (text.length > 200) return null;
    else params[segment.slice(1)] = text;
  }
  return params;
}
