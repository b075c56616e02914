import { limits } from '../core/limits.ts';
import type { Note } from '../store/store.ts';

/** A process on this store, as it was at its latest heartbeat. */
export type NodeRecord = {
  /** It is also recorded as the worker of the leases it holds. */
  readonly id: string;
  /** api: accepts and answers. worker: runs attempts. */
  readonly roles: readonly NodeRole[];
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  readonly startedAt: number;
  readonly heartbeatAt: number;
  /**
   * draining: it was asked to stop and takes no more operations. dead: no heartbeat for
   * limits.nodeDeadMs.
   */
  readonly state: 'live' | 'draining' | 'dead';
  /** Attempts running in the process, of at most `slots`. */
  readonly busy: number;
  readonly slots: number;
  /**
   * 99th percentile of the delay of its event loop since the previous heartbeat; null: not
   * measured.
   */
  readonly eventLoopLagMs: number | null;
  /** Names of the tasks it runs. */
  readonly tasks: readonly string[];
};

export const nodeRoles = ['api', 'worker'] as const;
export type NodeRole = (typeof nodeRoles)[number];

/** Facts about its process that the engine cannot find out. */
export type NodeFacts = {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Whether it answers requests. */
  readonly isApi: boolean;
  readonly eventLoopLag: EventLoopLag;
};

/** A measurement that costs something only between start() and stop(). */
export type EventLoopLag = {
  start(): void;
  stop(): void;
  /** 99th percentile since the last call, in ms; null: nothing was measured. */
  p99Ms(): number | null;
};

export const unknownProcess: NodeFacts = {
  host: '',
  pid: 0,
  version: '',
  isApi: true,
  eventLoopLag: { start: () => undefined, stop: () => undefined, p99Ms: () => null },
};

const prefix = 'node:';
const format = 1;

export const nodeNotes = { prefix, name: (id: string): string => prefix + id } as const;

export function nodeNoteText(record: NodeRecord): string {
  return JSON.stringify({ format, ...record });
}

/**
 * Reads a node's note; null: a version with another format wrote it. `alone`: no other process can
 * open the store.
 */
export function nodeOf(note: Note, { alone }: { readonly alone: boolean }): NodeRecord | null {
  const told = parsed(note.text);
  if (told === null || told.format !== format) return null;
  const { format: _, ...record } = told;
  const isDead = alone || note.ageMs > limits.nodeDeadMs;
  return { ...record, heartbeatAt: note.writtenAt, state: isDead ? 'dead' : record.state };
}

function parsed(text: string): (NodeRecord & { readonly format: number }) | null {
  try {
    return JSON.parse(text) as (NodeRecord & { readonly format: number }) | null;
  } catch {
    return null;
  }
}
