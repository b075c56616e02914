import { Histogram, type Registry } from 'prom-client';

type Counted = {
  /** One more than there are bounds: the last is for what is beyond them all. */
  readonly counts: Float64Array;
  sum: number;
};

/**
 * A histogram by task whose observations cost next to nothing: prom-client makes a text of the labels for each, here it
 * is asked only for the scrape.
 */
export class TaskHistogram extends Histogram<'task'> {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #tasks = new Map<string, Counted>();

  constructor(p: {
    readonly name: string;
    readonly help: string;
    /** Upper bounds in seconds, ascending. */
    readonly bounds: readonly number[];
    readonly registry: Registry;
  }) {
    const { name, help, bounds, registry } = p;
    super({ name, help, buckets: [...bounds], labelNames: ['task'], registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  count(task: string, seconds: number): void {
    let counted = this.#tasks.get(task);
    if (counted === undefined) {
      counted = { counts: new Float64Array(this.#bounds.length + 1), sum: 0 };
      this.#tasks.set(task, counted);
    }
    let i = 0;
    while (i < this.#bounds.length && seconds > (this.#bounds[i] ?? 0)) i += 1;
    counted.counts[i] = (counted.counts[i] ?? 0) + 1;
    counted.sum += seconds;
  }

  /**
   * Where the registry, and get() of prom-client, have the values from, though it is in no type: cumulative buckets, then
   * sum and count, task by task.
   */
  async getForPromString() {
    const values = [...this.#tasks].flatMap(([task, { counts, sum }]) => {
      let total = 0;
      const buckets = [...counts].map((count, i) => {
        total += count;
        const le = this.#bounds[i] ?? '+Inf';
        return { metricName: `${this.#name}_bucket`, labels: { le, task }, value: total };
      });
      return [
        ...buckets,
        { metricName: `${this.#name}_sum`, labels: { task }, value: sum },
        { metricName: `${this.#name}_count`, labels: { task }, value: total },
      ];
    });
    return { name: this.#name, help: this.#help, type: 'histogram', aggregator: 'sum', values };
  }
}
