// An entry as it must not be: test/package/entries.test.ts finds both faults.
type Internal = { readonly member: string };

/** Documented, and yet its callers cannot name what they get. */
export class Leaking {
  /** Not seen from outside. */
  readonly #hidden: Internal | null = null;

  told(): Internal {
    const body: Internal = { member: '' };
    return this.#hidden ?? body;
  }
}

export type Undocumented = string;

/** Faultless. */
export type Documented = Leaking;
