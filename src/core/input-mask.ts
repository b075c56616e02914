import { jsonPointer } from './json-pointer.ts';
import { redacted } from './logged-json.ts';

/**
 * The parts of an input that nobody is shown: a tree of member names, with 'whole' where the
 * member's whole value is hidden. An array on the path stands for each of its elements.
 */
export type InputMask = ReadonlyMap<string, InputMask | 'whole'>;

/**
 * The mask of paths like `user.card.number`; null when there are none. A path below another one
 * adds nothing.
 */
export function inputMaskOf(paths: readonly string[]): InputMask | null {
  const root = new Map<string, InputMask | 'whole'>();
  for (const path of paths.toSorted((a, b) => a.length - b.length)) addPath(root, path.split('.'));
  return root.size === 0 ? null : root;
}

function addPath(mask: Map<string, InputMask | 'whole'>, names: readonly string[]): void {
  const [name = '', ...rest] = names;
  if (rest.length === 0) return void mask.set(name, 'whole');
  const below = mask.get(name) ?? new Map<string, InputMask | 'whole'>();
  if (below === 'whole') return;
  mask.set(name, below);
  addPath(below as Map<string, InputMask | 'whole'>, rest);
}

/** Whether a filter by this path would reveal something that is hidden. */
export function isMaskedPath(mask: InputMask, path: string): boolean {
  let at: InputMask | 'whole' | undefined = mask;
  for (const name of path.split('.')) {
    at = at.get(name);
    if (at === undefined) return false;
    if (at === 'whole') return true;
  }
  return false;
}

/**
 * The JSON text of an input with "[redacted]" for what is hidden; the rest is exactly as it was
 * sent, even `1.50`.
 */
export function maskedInput(text: string, mask: InputMask): string {
  return JSON.stringify(masked(parseExactly(text), mask));
}

/** JSON pointers to where "[redacted]" replaces a value, at most ten. */
export function standInsIn(value: unknown, mask: InputMask): readonly string[] {
  const found: string[] = [];
  const restoring: Restoring = { found, isDeep: true };
  restored(value, undefined, { mask, path: [], restoring });
  return found;
}

/**
 * JSON text of an edited input in which "[redacted]" is replaced by the stored value again. Within
 * an array this happens only when the whole array came back as it was shown: a person who moved or
 * removed elements may mean the value of another one. `unknown` are pointers to the "[redacted]"
 * that have no stored value.
 */
export function restoredInput(
  sent: unknown,
  stored: string,
  mask: InputMask,
): { readonly text: string; readonly unknown: readonly string[] } {
  const found: string[] = [];
  const restoring: Restoring = { found, isDeep: false };
  const tree = restored(sent, parseExactly(stored), { mask, path: [], restoring });
  return { text: JSON.stringify(tree), unknown: found };
}

function masked(value: unknown, mask: InputMask): unknown {
  if (Array.isArray(value)) return value.map((element) => masked(element, mask));
  if (!isObject(value)) return value;
  return mapped(value, (name, member) => {
    const below = mask.get(name);
    if (below === undefined) return member;
    return below === 'whole' ? redacted : masked(member, below);
  });
}

const foundMax = 10;

type Restoring = {
  /** Pointers to the "[redacted]" that have no known value. */
  readonly found: string[];
  /** Looks into each element of an array, because there is no stored one to compare it with. */
  readonly isDeep: boolean;
};

type Place = {
  readonly mask: InputMask;
  readonly path: readonly string[];
  readonly restoring: Restoring;
};

function restored(sent: unknown, stored: unknown, place: Place): unknown {
  const { mask, path, restoring } = place;
  if (Array.isArray(sent)) return restoredArray(sent, stored, place);
  if (!isObject(sent)) return sent;
  const known = isObject(stored) ? stored : {};
  return mapped(sent, (name, member) => {
    const below = mask.get(name);
    if (below === undefined) return member;
    const own = Object.hasOwn(known, name) ? known[name] : undefined;
    if (below !== 'whole') {
      return restored(member, own, { mask: below, path: [...path, name], restoring });
    }
    if (member !== redacted) return member;
    if (own !== undefined) return own;
    if (restoring.found.length < foundMax) restoring.found.push(jsonPointer([...path, name]));
    return member;
  });
}

function restoredArray(sent: readonly unknown[], stored: unknown, place: Place): unknown {
  const { mask, path, restoring } = place;
  const before = restoring.found.length;
  sent.forEach((element, i) =>
    restored(element, undefined, { mask, path: [...path, String(i)], restoring }),
  );
  if (restoring.isDeep || restoring.found.length === before) return sent;
  // Compared by numeric value: the client's JSON has no `1.50`.
  const shown = JSON.stringify(JSON.parse(JSON.stringify(masked(stored, mask) ?? null)));
  if (JSON.stringify(sent) !== shown) return sent;
  restoring.found.length = before;
  return stored;
}

/** Treats `__proto__` like any other member. */
function mapped(
  value: Readonly<Record<string, unknown>>,
  change: (name: string, member: unknown) => unknown,
): object {
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, change(name, member)]),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  const isNumber = exactJson.isRawJSON(value);
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isNumber;
}

/** Part of ES2026, which TypeScript's library does not have yet. */
const exactJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
};

/** Numbers stay as they are written: parsing a long one would lose digits. */
function parseExactly(text: string): unknown {
  return exactJson.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined ? exactJson.rawJSON(source) : value,
  );
}
