import { limits } from '../core/limits.ts';
import type { KeptLine } from '../core/log-line.ts';
import { chunksAfter, linesAfter, type LogChunk } from '../store/log-chunks.ts';
import type { LogEntry, ReadLogs } from '../store/store.ts';

const none: readonly LogChunk[] = [];

/** The log lines of handlers, by operation. */
export class LogBook {
  readonly #chunks = new Map<string, readonly LogChunk[]>();

  append(entry: LogEntry): void {
    const kept = this.#chunks.get(entry.id) ?? none;
    const changed = chunksAfter(kept.at(-1) ?? null, entry);
    if (changed.length === 0) return;
    const before = kept.filter(({ position }) => position !== changed[0]?.position);
    this.#chunks.set(entry.id, [...before, ...changed].slice(-limits.logChunks));
  }

  read({ id, after, limit }: ReadLogs): KeptLine[] {
    return linesAfter(this.#chunks.get(id) ?? none, after, limit);
  }

  remove(id: string): void {
    this.#chunks.delete(id);
  }
}
