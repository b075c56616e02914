import { ask } from './server.ts';

/** In a box, as an input may well be null. */
export type StoredInput = { readonly value: unknown };

/** What an operation was submitted with. */
export async function readInput(id: string, signal: AbortSignal): Promise<StoredInput> {
  return { value: await ask<unknown>(`operations/${encodeURIComponent(id)}/input`, { signal }) };
}
