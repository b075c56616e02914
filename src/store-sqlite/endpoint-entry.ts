import type { Endpoint } from '../core/endpoint.ts';
import { idle, type EndpointPlace } from './endpoint-place.ts';

/** An endpoint in memory, and what of it is still to be written (endpoint-ledger.ts). */
export type EndpointEntry = {
  readonly seq: number;
  endpoint: Endpoint;
  /** When it was removed; it stays until its last delivery is gone. */
  removedAt: number | null;
  /** Whether some of its deliveries are still to be held, released or cancelled. */
  isBehind: boolean;
  place: EndpointPlace;
  /** The place as its row has it. */
  placeWritten: EndpointPlace;
  /** Whether the record must be written with this commit. */
  isChanged: boolean;
  /**
   * Whether only the health, which its last attempts changed, must be written. No statement
   * searches endpoints by health.
   */
  isHealthChanged: boolean;
  /**
   * As isHealthChanged, but it may wait and be written with the deliveries that are unwritten yet.
   */
  isHealthBehind: boolean;
  /**
   * When its deliveries or its health last changed, so that its place must be found anew; null: its
   * place is right.
   */
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
