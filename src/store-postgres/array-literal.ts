/**
 * Arrays as PostgreSQL reads them, so that one statement takes a batch of any size: `unnest($1::text[])`.
 * node-postgres does the same value by value through its conversions; this is the part that is needed.
 */
export function numberArray(values: readonly (number | null)[]): string {
  let text = '{';
  for (const [i, value] of values.entries()) {
    if (i > 0) text += ',';
    text += value === null ? 'NULL' : String(value);
  }
  return `${text}}`;
}

export function textArray(values: readonly (string | null)[]): string {
  let text = '{';
  for (const [i, value] of values.entries()) {
    if (i > 0) text += ',';
    text += value === null ? 'NULL' : quoted(value);
  }
  return `${text}}`;
}

export function booleanArray(values: readonly (boolean | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : value ? 't' : 'f')).join(',')}}`;
}

const special = /["\\]/;

function quoted(value: string): string {
  return special.test(value) ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : `"${value}"`;
}
