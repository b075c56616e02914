const int8 = 20;
const int4 = 23;
const int2 = 21;
const float8 = 701;
const bool = 16;
const bytea = 17;

/**
 * Whole numbers become numbers: ours are instants and counts, all of them safe integers. Every type
 * that is not listed stays text.
 */
export function getTypeParser(oid: number): (text: string) => unknown {
  switch (oid) {
    case int8:
    case int4:
    case int2:
    case float8:
      return Number;
    case bool:
      return (text) => text === 't';
    case bytea:
      return (text) => Buffer.from(text.slice(2), 'hex');
    default:
      return (text) => text;
  }
}
