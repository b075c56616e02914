import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { hasTerminal, onTerminal } from '../../test/support/terminal.ts';
import {
  completed,
  failed,
  sampleId,
  wireEstimate,
  wireOperation,
} from '../../test/support/wire-samples.ts';
import type { WireLogLine } from '../core/wire-operation.ts';

const id = (n: number): string => sampleId.slice(0, -1) + n;

function line(number: number, members: Partial<WireLogLine>): WireLogLine {
  const at = `2026-01-01T10:20:30.${String(number).padStart(3, '0')}Z`;
  return { number, at, attempt: 1, level: 'info', message: '', fields: null, ...members };
}

const lines = [
  line(1, { message: 'page 1', fields: { rows: 500, of: 'the north', deep: { a: [1] } } }),
  line(2, { level: 'debug', message: 'cache is cold' }),
  line(3, {
    level: 'warn',
    message: 'slow\u001b[2J\r\nupstream',
    fields: { 'a\u0007b': 'x\u001b' },
  }),
  line(4, { level: 'error', message: 'UpstreamError 503' }),
  line(12, { attempt: 2, message: 'page 1 again' }),
];

async function logs(env: NodeJS.ProcessEnv): Promise<string[]> {
  await using server = await scriptedServer(({ query }) => {
    const after = Number(query.get('after'));
    const rest = lines.filter(({ number }) => number > after);
    return { status: 200, body: { lines: rest, next_after: rest.at(-1)?.number ?? after } };
  });
  const text = await onTerminal(['logs', sampleId], {
    url: server.url,
    env: { TZ: 'UTC', ...env },
  });
  return text.trimEnd().split('\r\n');
}

/** Runs `watch` on a terminal with a list and some news, until somebody presses Ctrl-C. */
async function watched(p: { readonly columns: number; readonly env: NodeJS.ProcessEnv }) {
  // Hours ago by the server's clock, so that no age changes while the test runs.
  const headers = { date: 'Thu, 01 Jan 2026 00:00:07 GMT' };
  const earlier = { created_at: '2025-12-31T21:00:00.000Z' };
  const progress = { fraction: 0.42, message: 'page\u001b[2J 42', current: 42, total: 100 };
  const listed = [
    wireOperation({ id: id(3), ...earlier, ready_at: '2026-01-01T05:00:00.000Z' }),
    wireOperation({ id: id(2), task: 'reports', status: 'processing', attempt: 1, ...earlier }),
    completed(null, { id: id(1), created_at: '2025-12-29T00:00:00.000Z' }),
  ];
  const events = [
    ['tick', { pending: 1, processing: 1, completed: 1_203, failed: 6 }],
    [
      'operation',
      wireOperation({
        ...listed[1],
        progress: { ...progress, updated_at: '2026-01-01T00:00:00.000Z' },
        estimate: wireEstimate({ completes_at: '2026-01-01T03:20:07.000Z' }),
      }),
    ],
    ['operation', { ...failed('timeout'), id: id(4), ...earlier }],
    ['tick', { pending: 1, processing: 1, completed: 1_204, failed: 7 }],
  ] as const;
  const server = createServer((req, res) => {
    if (req.url?.startsWith('/operations') === true) {
      res.writeHead(200, { ...headers, 'content-type': 'application/json' });
      res.end(JSON.stringify({ operations: listed, next_cursor: null }));
      return;
    }
    res.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
    for (const [event, data] of events) {
      res.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await onTerminal(['watch'], { ...p, url, typed: '\u0003', typedAt: /1,204 completed/ });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

/** The last picture: each begins at the top left and clears what is below it. */
function lastPicture(text: string): string[] {
  const pictures = [...text.matchAll(/␛\[H(.*?)␛\[J/gs)].map(([, picture = '']) => picture);
  return (pictures.at(-1) ?? '').split('\r\n').map((one) => one.replace(/␛\[K$/, ''));
}

describe('On a terminal', { skip: !hasTerminal && 'no util-linux script' }, () => {
  it('logs are lines for eyes: time of day, level, message, fields', async () => {
    assert.deepEqual(await logs({ NO_COLOR: '1' }), [
      `10:20:30.001 info  page 1 rows=500 of='the north' deep={"a":[1]}`,
      '10:20:30.002 debug cache is cold',
      '10:20:30.003 warn  slow upstream ab=x',
      '10:20:30.004 error UpstreamError 503',
      '10:20:30.012 info  #2 page 1 again',
    ]);
  });

  it('the levels of a log have a colour beside their word', async () => {
    assert.deepEqual((await logs({})).slice(1), [
      '␛[2m10:20:30.002␛[22m ␛[2mdebug␛[22m cache is cold',
      '␛[2m10:20:30.003␛[22m ␛[33mwarn ␛[39m slow upstream ␛[2mab=x␛[22m',
      '␛[2m10:20:30.004␛[22m ␛[31merror␛[39m UpstreamError 503',
      '␛[2m10:20:30.012␛[22m info  ␛[2m#2␛[22m page 1 again',
    ]);
  });

  it('watch draws a table in place, on a screen of its own', async () => {
    const text = await watched({ columns: 100, env: { NO_COLOR: '1' } });
    assert.deepEqual(lastPicture(text), [
      'all tasks   1 pending · 1 processing · 1,204 completed · 7 failed   live',
      'ID                             TASK       STATUS        AGE       DETAIL',
      'op_01M833QKVJTQ91318PAAN22674  countdown  ✖ failed      3 h 00 m  timeout',
      'op_01M833QKVJTQ91318PAAN22673  countdown  ○ pending     3 h 00 m',
      'op_01M833QKVJTQ91318PAAN22672  reports    ◐ processing  3 h 00 m  42% · 42 of 100 · page 42 · abou…',
      'op_01M833QKVJTQ91318PAAN22671  countdown  ✔ completed   3 d 0 h',
      'Ctrl-C ends',
    ]);
    assert.match(text, /^␛\[\?1049h␛\[\?25l\r\n␛\[H/);
    assert.match(text, /␛\[\?25h␛\[\?1049l/, 'what was there before comes back');
  });

  it('a narrow one is never filled to its edge', async () => {
    assert.deepEqual(lastPicture(await watched({ columns: 60, env: { NO_COLOR: '1' } })), [
      'all tasks   1 pending · 1 processing · 1,204 completed · 7…',
      'ID                             TASK       STATUS        AG…',
      'op_01M833QKVJTQ91318PAAN22674  countdown  ✖ failed      3 …',
      'op_01M833QKVJTQ91318PAAN22673  countdown  ○ pending     3 …',
      'op_01M833QKVJTQ91318PAAN22672  reports    ◐ processing  3 …',
      'op_01M833QKVJTQ91318PAAN22671  countdown  ✔ completed   3 …',
      'Ctrl-C ends',
    ]);
  });

  it('a row of watch has the colour of its state', async () => {
    assert.deepEqual(lastPicture(await watched({ columns: 110, env: {} })), [
      '␛[1mall tasks   1 pending · 1 processing · 1,204 completed · 7 failed   live␛[22m',
      '␛[2mID                             TASK       STATUS        AGE       DETAIL␛[22m',
      '␛[31mop_01M833QKVJTQ91318PAAN22674  countdown  ✖ failed      3 h 00 m  timeout␛[39m',
      '␛[2mop_01M833QKVJTQ91318PAAN22673  countdown  ○ pending     3 h 00 m␛[22m',
      '␛[36mop_01M833QKVJTQ91318PAAN22672  reports    ◐ processing  3 h 00 m  ' +
        '42% · 42 of 100 · page 42 · about 3 h␛[39m',
      '␛[32mop_01M833QKVJTQ91318PAAN22671  countdown  ✔ completed   3 d 0 h␛[39m',
      '␛[2mCtrl-C ends␛[22m',
    ]);
  });
});
