import type { Clock } from '../core/clock.ts';
import { RaincheckError } from '../core/errors.ts';
import type { Outage } from './outage.ts';

const retryMsFirst = 100;
const retryMsMax = 2_000;
/**
 * How often to try after rejections that time will not cure, e.g. of a value that this database
 * refuses.
 */
const refusalsMax = 3;

/**
 * Repeats a write whose work is done and must not be done again, until the store answers; null when
 * `stop` aborts first, or the store keeps refusing. A rejection is ambiguous, so the fence of an
 * earlier try may answer `lost`: either way the store has the truth.
 */
export async function repeatWrite<Answer>(p: {
  readonly clock: Clock;
  /** Informed of every failure; the caller informs it of the end. */
  readonly outage: Outage;
  readonly stop: AbortSignal;
  readonly firstError: unknown;
  readonly call: () => Promise<Answer>;
  /** The store refuses this record: from now on `call` must write one that it can take. */
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
