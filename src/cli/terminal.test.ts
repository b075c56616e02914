import assert from 'node:assert/strict';
import { it } from 'node:test';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { hasTerminal, onTerminal } from '../../test/support/terminal.ts';
import { completed, sampleId, wireOperation } from '../../test/support/wire-samples.ts';

const progress = { fraction: 0.5, message: null, current: 1, total: 2 };
const script = [
  wireOperation({ status: 'pending', created_at: new Date().toISOString() }),
  wireOperation({
    status: 'processing',
    attempt: 1,
    created_at: new Date().toISOString(),
    progress: { ...progress, updated_at: new Date().toISOString() },
  }),
  completed({ done: true }),
].map((body, i) => ({
  status: 200,
  body,
  headers: { etag: `"${i}"`, 'preference-applied': 'wait=25' },
}));

it(
  'a terminal sees one line rewritten, cleared at the end, then the outcome',
  {
    skip: !hasTerminal && 'no util-linux script',
  },
  async () => {
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const text = await onTerminal(['wait', sampleId], {
      url: server.url,
      env: { WT_SESSION: '1' },
    });
    const parts = text.split('\r').filter((part) => part !== '' && part !== '\n');
    const plain = parts.map((part) => part.replaceAll(/␛\[[\d;]*m/g, ''));
    const shown = plain.join('¶');
    assert.match(shown, /op_01M833QKVJ… waiting · \d+ s␛\[K/);
    assert.match(shown, /op_01M833QKVJ… █{15}░{15} {2}50% {2}\d+ s · 1 of 2␛\[K/);
    assert.match(shown, /¶␛\[K(␛\]9;4;0;0␇)?✔ op_01M833QKVJTQ91318PAAN2267W completed in 4\.3 s/);
    assert.ok(text.includes('␛]9;4;1;50␇'), 'the taskbar is told');
    assert.ok(text.includes('␛]9;4;0;0␇'), 'and told the end');
    assert.match(text, /\{\r\n {2}"done": true\r\n\}/, 'JSON is indented for eyes');
  },
);

it(
  'a CI log sees a line for each change and no escape sequence but colour',
  {
    skip: !hasTerminal && 'no util-linux script',
  },
  async () => {
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const text = await onTerminal(['wait', sampleId], {
      url: server.url,
      env: { CI: 'true', NO_COLOR: '1' },
    });
    assert.ok(!text.includes('␛'), text);
    assert.match(text, /^op_\w+ pending\r\nop_\w+ processing\r\n✔ /);
  },
);
