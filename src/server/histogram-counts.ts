import type { Histogram, Registry } from 'prom-client';

type Counted = {
  /** One count for each bound, and one for values beyond them all. */
  readonly counts: Float64Array;
  sum: number;
};

/**
 * A histogram, by task or overall, whose observations cost next to nothing and need no package.
 * prom-client builds a text of the labels at each observation; here it is used only at a scrape.
 */
export class HistogramCounts {
  readonly #bounds: readonly number[];
  readonly #byTask: boolean;
  readonly #counted = new Map<string, Counted>();

  constructor(p: {
    /** Upper bounds in seconds, ascending. */
    readonly bounds: readonly number[];
    readonly byTask: boolean;
  }) {
    this.#bounds = p.bounds;
    this.#byTask = p.byTask;
    if (!p.byTask) this.#of('');
  }

  /** Adds an observation. Without `byTask`, `task` is ignored. */
  count(task: string, seconds: number): void {
    const counted = this.#of(this.#byTask ? task : '');
    let i = 0;
    while (i < this.#bounds.length && seconds > (this.#bounds[i] ?? 0)) i += 1;
    counted.counts[i] = (counted.counts[i] ?? 0) + 1;
    counted.sum += seconds;
  }

  /** Registers the histogram with prom-client. */
  tell(
    prom: { readonly Histogram: typeof Histogram },
    p: { readonly name: string; readonly help: string; readonly registry: Registry },
  ): void {
    const { name, help, registry } = p;
    const model = new prom.Histogram({
      name,
      help,
      buckets: [...this.#bounds],
      labelNames: this.#byTask ? ['task'] : [],
      registers: [registry],
    });
    // The registry and get() of prom-client read values through this method, although no type
    // declares it.
    Object.assign(model, {
      getForPromString: async () => {
        return { name, help, type: 'histogram', aggregator: 'sum', values: this.#samples(name) };
      },
    });
  }

  #of(task: string): Counted {
    let counted = this.#counted.get(task);
    if (counted === undefined) {
      counted = { counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
      this.#counted.set(task, counted);
    }
    return counted;
  }

  /** The samples of each task: cumulative buckets, then sum and count. */
  #samples(name: string) {
    return [...this.#counted].flatMap(([task, { counts, sum }]) => {
      const labels = this.#byTask ? { task } : {};
      let total = 0;
      const buckets = [...counts].map((count, i) => {
        total += count;
        const le = this.#bounds[i] ?? '+Inf';
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
      });
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: total },
      ];
    });
  }
}
