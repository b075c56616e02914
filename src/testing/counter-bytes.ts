/** Replaces the random part of an id by a counter, so that ids of one millisecond ascend. */
export function counterBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(10);
  new DataView(bytes.buffer).setUint32(6, count);
  return bytes;
}
