import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { it } from 'node:test';
import { scriptedServer } from '../../test/support/scripted-server.ts';
import { completed, sampleId, wireOperation } from '../../test/support/wire-samples.ts';

const program = fileURLToPath(new URL('main.ts', import.meta.url));
// util-linux's script gives the command a real pseudo-terminal; BSD's has other options.
const recorder = 'script';
const hasScript = spawnSync(recorder, ['--version'], { encoding: 'utf8' }).stdout?.includes(
  'util-linux',
);

/** What the command writes to a terminal of 80 columns. */
async function onTerminal(url: string, env: NodeJS.ProcessEnv): Promise<string> {
  const command = `stty cols 80; exec ${process.execPath} --conditions=raincheck-source ${program} wait ${sampleId}`;
  const {
    CI: _ci,
    NO_COLOR: _no,
    FORCE_COLOR: _force,
    WT_SESSION: _wt,
    ...inherited
  } = process.env;
  const child = spawn(recorder, ['-qec', command, '/dev/null'], {
    env: { ...inherited, TERM: 'xterm-256color', RAINCHECK_URL: url, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(child, 'close');
  // Made visible, for regular expressions and for whoever reads a failure.
  return text.replaceAll('\u001b', '␛').replaceAll('\u0007', '␇');
}

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
    skip: !hasScript && 'no util-linux script',
  },
  async () => {
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const text = await onTerminal(server.url, { WT_SESSION: '1' });
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
    skip: !hasScript && 'no util-linux script',
  },
  async () => {
    await using server = await scriptedServer((_, n) => script[n - 1] ?? 'hang');
    const text = await onTerminal(server.url, { CI: 'true', NO_COLOR: '1' });
    assert.ok(!text.includes('␛'), text);
    assert.match(text, /^op_\w+ pending\r\nop_\w+ processing\r\n✔ /);
  },
);
