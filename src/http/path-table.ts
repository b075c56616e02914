/**
 * The result of a lookup: the value added with the pattern, and the parameters, percent-decoded.
 */
export type PathMatch<Value> = {
  readonly value: Value;
  readonly params: Readonly<Record<string, string>>;
};

type Node<Value> = {
  readonly fixed: Map<string, Node<Value>>;
  /** Child for `:name`; the same one whatever the patterns call it. */
  param: Node<Value> | null;
  /** End of the pattern that ends here. */
  end: End<Value> | null;
  /** End of the pattern that ends with `*` here. */
  rest: End<Value> | null;
};

type End<Value> = { readonly value: Value; readonly names: readonly string[] };

/**
 * Longer segments do not match a parameter. No id or name of ours is as long, and some are looked
 * up in a store.
 */
const paramCharsMax = 200;

const paramSegment = /^:(?!:)(\w+)$/;

/**
 * Finds values by path patterns. A segment of a pattern is fixed text (`::` is a colon), a
 * parameter (`:name` is one segment of 1 to 200 characters) or, as the last one, `*`, which matches
 * the rest, slashes and the empty rest included.
 *
 * A path is split at its slashes before each segment is percent-decoded, so that `%2F` separates
 * nothing; fixed text is found however it is encoded (RFC 3986, 6.2.2). A path that cannot be
 * decoded matches nothing. `/a/` and `//a` are not `/a`. Where several patterns fit, in each
 * segment fixed text wins over a parameter, and a parameter over the rest.
 */
export class PathTable<Value> {
  readonly #root: Node<Value> = emptyNode();

  /**
   * Throws if the same pattern, or one that differs only in names of parameters, was added before.
   */
  add(pattern: string, value: Value): void {
    const names: string[] = [];
    let node = this.#root;
    const segments = pattern.split('/').slice(1);
    for (const [i, segment] of segments.entries()) {
      if (segment === '*') {
        if (i < segments.length - 1 || node.rest !== null) throw refused(pattern);
        node.rest = { value, names: [...names, '*'] };
        return;
      }
      const [, name] = paramSegment.exec(segment) ?? [];
      if (name === undefined) {
        node = child(node, segment.replaceAll('::', ':'));
      } else {
        names.push(name);
        node = node.param ??= emptyNode();
      }
    }
    if (node.end !== null) throw refused(pattern);
    node.end = { value, names };
  }

  /** null: no pattern matches. */
  find(path: string): PathMatch<Value> | null {
    if (!path.startsWith('/')) return null;
    const segments = path.slice(1).split('/');
    if (path.includes('%') && !decodeAll(segments)) return null;
    const found: string[] = [];
    const end = search(this.#root, { segments, found }, 0);
    if (end === null) return null;
    const params: Record<string, string> = {};
    for (let i = 0; i < found.length; i += 1) params[end.names[i] ?? ''] = found[i] ?? '';
    return { value: end.value, params };
  }
}

type Path = {
  readonly segments: readonly string[];
  /** The parameters on the branch that is being tried. */
  readonly found: string[];
};

/**
 * The end of the best pattern for the segments from `at` on, below `node`; backtracks where a
 * branch does not match.
 */
function search<Value>(node: Node<Value>, path: Path, at: number): End<Value> | null {
  const { segments, found } = path;
  const segment = segments[at];
  if (segment === undefined) return node.end;
  const fixed = node.fixed.get(segment);
  const end = fixed === undefined ? null : search(fixed, path, at + 1);
  if (end !== null) return end;
  if (node.param !== null && segment !== '' && segment.length <= paramCharsMax) {
    found.push(segment);
    const end = search(node.param, path, at + 1);
    if (end !== null) return end;
    found.pop();
  }
  if (node.rest !== null) found.push(segments.slice(at).join('/'));
  return node.rest;
}

/** Decodes in place; false: a segment cannot be decoded. */
function decodeAll(segments: string[]): boolean {
  try {
    for (const [i, segment] of segments.entries()) segments[i] = decodeURIComponent(segment);
    return true;
  } catch {
    return false;
  }
}

function child<Value>(node: Node<Value>, segment: string): Node<Value> {
  let next = node.fixed.get(segment);
  if (next === undefined) {
    next = emptyNode();
    node.fixed.set(segment, next);
  }
  return next;
}

function emptyNode<Value>(): Node<Value> {
  return { fixed: new Map(), param: null, end: null, rest: null };
}

function refused(pattern: string): Error {
  return new Error(`The pattern ${pattern} is there already, or has a * that is not its end.`);
}
