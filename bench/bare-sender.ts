import { Agent, request } from 'undici';
import {
  answerPlans,
  attemptsPerPath,
  deliveryBody,
  originsCount,
  pathsPerOrigin,
  stopwatch,
  urlOf,
} from './delivery-control.ts';

/**
 * The baseline for the sender: undici alone, with as many attempts at once, and nothing stored,
 * signed or recorded.
 */
const perOrigin = pathsPerOrigin * attemptsPerPath;
const dispatcher = new Agent({ connections: perOrigin });
const headers = { 'content-type': 'application/json' };

answerPlans(async (plan) => {
  let next = 0;
  const measured = stopwatch();
  const loop = async (): Promise<void> => {
    while (next < plan.count) {
      const url = urlOf(plan, next);
      next += 1;
      const answer = await request(url, {
        method: 'POST',
        dispatcher,
        headers,
        body: deliveryBody,
      });
      await answer.body.text();
      if (answer.statusCode !== 204) throw new Error(`The sink answered ${answer.statusCode}.`);
    }
  };
  await Promise.all(Array.from({ length: originsCount * perOrigin }, loop));
  return measured();
});
