/** A bound on one figure of a line; its name is the table's column. */
export type Target = {
  readonly figure: 'ratio' | 'perSecond' | 'cpuMs';
  readonly bound: '>=' | '<=';
  readonly value: number;
};

const figureNames = { ratio: 'ratio', perSecond: 'ops/s', cpuMs: 'CPU ms/op' } as const;

export function atLeast(figure: Target['figure'], value: number): Target {
  return { figure, bound: '>=', value };
}

export function atMost(figure: Target['figure'], value: number): Target {
  return { figure, bound: '<=', value };
}

/** The target with its verdict. What could not be measured misses. */
export function verdict(target: Target, measured: number | null): string {
  const { figure, bound, value } = target;
  const figureMeasured = measured ?? Number.NaN;
  const met = bound === '>=' ? figureMeasured >= value : figureMeasured <= value;
  return `${figureNames[figure]} ${bound} ${value} ${met ? 'met' : 'MISSED'}`;
}
