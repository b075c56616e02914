import { createServer } from 'node:http';
import process from 'node:process';

/** The order for a sending process: `count` deliveries over these origins. */
export type SendPlan = { readonly origins: readonly string[]; readonly count: number };
/**
 * Time from the first delivery to the last, in ms; `cpuMs` is the CPU time of the sending process
 * meanwhile.
 */
export type SendResult = { readonly elapsedMs: number; readonly cpuMs: number };

/** Starts measuring; call the returned function at the end. */
export function stopwatch(): () => SendResult {
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpuBefore);
    return { elapsedMs: performance.now() - startedAt, cpuMs: (user + system) / 1_000 };
  };
}

/** Attempts at once: 4 origins with 4 paths of 4 each, the default caps. */
export const originsCount = 4;
export const pathsPerOrigin = 4;
export const attemptsPerPath = 4;

/** About the body of an operation with labels and a small result. */
export const deliveryBody = JSON.stringify({
  type: 'operation.completed',
  padding: 'x'.repeat(1_400),
});

export function urlOf({ origins }: SendPlan, i: number): string {
  const origin = origins[i % origins.length] ?? '';
  return `${origin}/hooks/${Math.floor(i / origins.length) % pathsPerOrigin}`;
}

/** Answers POSTs of a SendPlan with a SendResult, one at a time, on the port that the bench gave this process. */
export function answerPlans(send: (plan: SendPlan) => Promise<SendResult>): void {
  createServer((request, response) => {
    if (request.method !== 'POST') {
      response.end();
      return;
    }
    let text = '';
    request.on('data', (chunk: Buffer) => (text += chunk.toString()));
    request.on('end', () => {
      void send(JSON.parse(text) as SendPlan).then(
        (result) => response.end(JSON.stringify(result)),
        (error: unknown) => response.writeHead(500).end(String(error)),
      );
    });
  }).listen(Number(process.env['PORT']), '127.0.0.1');
}
