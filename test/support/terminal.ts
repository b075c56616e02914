import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
// util-linux's script gives the command a real pseudo-terminal; BSD's has other options.
const recorder = 'script';
export const hasTerminal =
  spawnSync(recorder, ['--version'], { encoding: 'utf8' }).stdout?.includes('util-linux') ?? false;

/**
 * What the command writes to a terminal of 80 columns, or of `columns`. No word of `args` may need
 * quotes.
 */
export async function onTerminal(
  args: readonly string[],
  p: {
    readonly url: string;
    readonly env?: NodeJS.ProcessEnv;
    readonly columns?: number;
    /** What is typed at the first question, or once `typedAt` has appeared. */
    readonly typed?: string;
    readonly typedAt?: RegExp;
  },
): Promise<string> {
  const command = `stty cols ${p.columns ?? 80}; exec ${process.execPath} --conditions=raincheck-source ${program} ${args.join(' ')}`;
  const {
    CI: _ci,
    NO_COLOR: _no,
    FORCE_COLOR: _force,
    WT_SESSION: _wt,
    ...inherited
  } = process.env;
  const child = spawn(recorder, ['-qec', command, '/dev/null'], {
    env: { ...inherited, TERM: 'xterm-256color', RAINCHECK_URL: p.url, ...p.env },
    stdio: [p.typed === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
  });
  let text = '';
  let isTyped = false;
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    // Not before: input typed ahead of a program that sets up its terminal is lost.
    if (isTyped || !(p.typedAt ?? /\[y\/N\] /).test(text)) return;
    isTyped = true;
    child.stdin?.write(p.typed);
  });
  await once(child, 'close');
  // Made visible, for regular expressions and for readers of a failure.
  return text.replaceAll('\u001b', '␛').replaceAll('\u0007', '␇');
}
