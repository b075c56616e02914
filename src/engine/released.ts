/**
 * Yields `values` and calls `release` once, when the generator ends or is returned, even if it was
 * never begun.
 */
export function released<T>(values: AsyncGenerator<T>, release: () => void): AsyncGenerator<T> {
  let isReleased = false;
  const end = (): void => {
    if (!isReleased) release();
    isReleased = true;
  };
  async function* all(): AsyncGenerator<T> {
    try {
      yield* values;
    } finally {
      end();
    }
  }
  const running = all();
  const leave = running.return.bind(running);
  return Object.assign(running, {
    return: (value: unknown) => {
      end();
      return leave(value);
    },
  });
}
