const width = 120;
const height = 30;

/** The trend of a number, without axes. The figure beside it links to the details. */
export function Spark({ values }: { readonly values: readonly number[] }) {
  if (values.length < 2)
    return <svg class="spark" width={width} height={height} aria-hidden="true" />;
  const top = Math.max(...values, 1);
  const x = (i: number): string => ((i * width) / (values.length - 1)).toFixed(1);
  const y = (value: number): string => (height - 2 - (value * (height - 4)) / top).toFixed(1);
  const line = values.map((value, i) => `${x(i)} ${y(value)}`).join('L');
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      width={width}
      height={height}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <path class="spark-area" d={`M0 ${height}L${line}L${width} ${height}Z`} />
      <path class="spark-line" d={`M${line}`} />
    </svg>
  );
}
