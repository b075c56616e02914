import type { Endpoint } from '../core/endpoint.ts';
import { idle, type EndpointPlace } from './endpoint-place.ts';

/** An endpoint in memory, and what of it is to be written (endpoint-ledger.ts). */
export type EndpointEntry = {
  readonly seq: number;
  endpoint: Endpoint;
  /** When it was removed: it stays for its last deliveries. */
  removedAt: number | null;
  /** Some of its deliveries are still to be held, released or cancelled. */
  isBehind: boolean;
  place: EndpointPlace;
  /** The same as its row has it. */
  placeWritten: EndpointPlace;
  /** The record is to be written with this commit. */
  isChanged: boolean;
  /** Only what its last attempts tell of it is to be written: nothing that finds endpoints by statement looks at that. */
  isHealthChanged: boolean;
  /** The same, but with deliveries that are unwritten yet. */
  isHealthBehind: boolean;
  /** Its deliveries or its health changed at this instant: its place is to be found anew; null: it is right. */
  touchedAt: number | null;
};

export function newEntry(seq: number, endpoint: Endpoint): EndpointEntry {
  return {
    seq,
    endpoint,
    removedAt: null,
    isBehind: false,
    place: idle,
    placeWritten: idle,
    isChanged: false,
    isHealthChanged: false,
    isHealthBehind: false,
    touchedAt: null,
  };
}
