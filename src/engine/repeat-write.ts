import type { Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import type { Outage } from './outage.ts';

const retryMsFirst = 100;
const retryMsMax = 2_000;
/** Rejections that are not about now, e.g. a value this database refuses: tried this often. */
const refusalsMax = 3;

/**
 * Repeats a write of what is done already and must not be done again, until the store answers; null when
 * `stop` aborts first, or the store goes on refusing. A rejection is ambiguous, so the fence of an earlier
 * try may answer `lost`: either way the store has the truth.
 */
export async function repeatWrite<Answer>(p: {
  readonly clock: Clock;
  /** Told of every failure; the caller tells it of the end. */
  readonly outage: Outage;
  readonly stop: AbortSignal;
  readonly firstError: unknown;
  readonly call: () => Promise<Answer>;
  /** The store refuses this very record: from now on `call` must write one that it can take. */
  readonly refused: (error: unknown) => void;
}): Promise<Answer | null> {
  let error = p.firstError;
  let refusals = 0;
  for (let tries = 0; !p.stop.aborted; tries += 1) {
    p.outage.failed(error);
    if (!isAboutNow(error)) refusals += 1;
    if (refusals === refusalsMax) p.refused(error);
    if (refusals > 2 * refusalsMax) return null;
    await p.clock.sleep(Math.min(retryMsMax, retryMsFirst * 2 ** tries), p.stop);
    if (p.stop.aborted) return null;
    try {
      return await p.call();
    } catch (again) {
      error = again;
    }
  }
  return null;
}

function isAboutNow(error: unknown): boolean {
  return error instanceof RaincheckError && error.code === 'store_unavailable';
}
