/** The JSON pointer (RFC 6901) to where `path` leads: '' for the whole, else '/a/0/b'. */
export function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
