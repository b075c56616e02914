import type { LiveOperation } from './live-queue.ts';
import type { SnapshotSource } from './queue-snapshot.ts';
import { QueueView, isHeld, type QueueWorld } from './queue-view.ts';
import type { Residual } from './residual.ts';
import { isCapped } from './task-rules.ts';

/** The queue in which `line` waits, frozen as it is now so that it can be played later. */
export function snapshotSource(
  world: QueueWorld,
  line: readonly LiveOperation[],
  now: number,
): Omit<SnapshotSource, 'started'> {
  const { rulesOf, history } = world;
  const view = new QueueView(world, now, pooledResidual(history.times.pooled()));
  const frozen = freezer();
  const source = { takenAt: now };
  if (!line.some((operation) => isHeld(world, operation, now))) {
    const { slots, busy, ahead } = view.slotQueue(line);
    const queue = { slots, busy: busy.map(frozen), ahead: ahead.map(frozen) };
    return { ...source, capped: new Map(), queue: { kind: 'slots', slots: queue } };
  }
  const { queue, tasks } = view.admissionQueue(line);
  const freeze = <Part extends { readonly residual: Residual }>(part: Part): Part => ({
    ...part,
    residual: frozen(part.residual),
  });
  const admission = { ...queue, busy: queue.busy.map(freeze), line: queue.line.map(freeze) };
  const capped = new Map([...tasks].filter(([task]) => isCapped(rulesOf(task))));
  return { ...source, capped, queue: { kind: 'admission', admission } };
}

function pooledResidual(window: { sorted: Float64Array; count: number } | null): Residual {
  return {
    values: window?.sorted ?? new Float64Array(),
    from: 0,
    count: window?.count ?? 0,
    elapsedMs: 0,
  };
}

/** Copies windows, each only once, because the live ones change while a snapshot is made. */
function freezer(): (residual: Residual) => Residual {
  const copies = new Map<Float64Array, Float64Array>();
  const done = new Map<Residual, Residual>();
  return (residual) => {
    let copy = done.get(residual);
    if (copy === undefined) {
      const values = copies.get(residual.values) ?? residual.values.slice(0, residual.count);
      copies.set(residual.values, values);
      copy = { ...residual, values };
      done.set(residual, copy);
    }
    return copy;
  };
}
