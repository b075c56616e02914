/** A bound on one figure of a line. Its name is the column in the table. */
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

/** The target with its verdict. A figure that could not be measured misses it. */
export function verdict(target: Target, measured: number | null): string {
  const { figure, bound, value } = target;
  const figureMeasured = measured ?? Number.NaN;
  const met = bound === '>=' ? figureMeasured >= value : figureMeasured <= value;
  return `${figureNames[figure]} ${bound} ${value} ${met ? 'met' : 'MISSED'}`;
}
