import { ask } from './server.ts';

/** Wrapped, because an input may be null. */
export type StoredInput = { readonly value: unknown };

/** The input that an operation was submitted with. */
export async function readInput(id: string, signal: AbortSignal): Promise<StoredInput> {
  return { value: await ask<unknown>(`operations/${encodeURIComponent(id)}/input`, { signal }) };
}
