import { createInterface } from 'node:readline';

/** Whether there is somebody to ask: who can see the question and type the answer. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Asks on the terminal; all but y and yes is a no, Ctrl-C and Ctrl-D too. */
export function confirmed(question: string): Promise<boolean> {
  const { stdin: input, stderr: output } = process;
  const lines = createInterface({ input, output });
  return new Promise((resolve) => {
    lines.question(`${question} [y/N] `, (answer) => {
      resolve(/^\s*y(?:es)?\s*$/i.test(answer));
      lines.close();
    });
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => resolve(false));
  });
}
