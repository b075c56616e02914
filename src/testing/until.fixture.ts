import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { inspect } from 'node:util';

const patienceMs = 60_000;
/**
 * It asks in every turn of the event loop for this long, then less often, to leave the CPU to what
 * it waits for.
 */
const eagerMs = 500;
const pauseMs = 10;

/**
 * Asks again until the answer is `wanted` (default: truthy), where no event reports it, and returns
 * that answer. Throws after a minute of real time with `what` it waited for and the last answer, so
 * that a test fails instead of hanging.
 */
export async function until<Answer>(
  what: string,
  ask: () => Answer | Promise<Answer>,
  wanted: (answer: Answer) => boolean = Boolean,
): Promise<Answer> {
  const began = performance.now();
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    const waitedMs = performance.now() - began;
    if (waitedMs > patienceMs) {
      throw new Error(`Did not happen in a minute: ${what}. Last answer: ${inspect(answer)}`);
    }
    await (waitedMs < eagerMs ? turn() : pause(pauseMs));
  }
}
