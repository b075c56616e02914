import { useSignal } from '@preact/signals';
import { linearScale, logScale, type ValueScale } from '../state/chart-scale.ts';
import { timeMode } from '../state/clock.ts';
import { instant } from '../state/text.ts';
import { useWidth } from '../state/width.ts';

/** One row of a chart. */
export type Row = {
  readonly label: string;
  readonly tone: 'good' | 'bad' | 'warn' | 'off' | 'run' | 'ink';
  readonly values: readonly (number | null)[];
  /** A lighter line. */
  readonly thin?: boolean;
  /** Single points instead of a line. */
  readonly points?: boolean;
};

export type ChartProps = {
  readonly kind: 'bars' | 'lines';
  /** Description for readers who cannot see the chart. */
  readonly label: string;
  readonly at: readonly number[];
  /** Whether the newest values are still growing; that part is drawn dashed. */
  readonly lastIsOpen: boolean;
  readonly rows: readonly Row[];
  readonly format: (value: number) => string;
  /** Labels of the marks on the axis. */
  readonly mark: (value: number) => string;
};

const height = 172;
const box = { left: 50, right: 6, top: 10, bottom: 22 };

/**
 * A chart over time, with the values under the pointer below it: stacked bars, or lines on a
 * logarithmic scale. Our own SVG, because a charting library took 22 KB of the 60 allowed for the
 * whole dashboard.
 */
export function Chart(p: ChartProps) {
  const { frame, width } = useWidth();
  const pointed = useSignal<number | null>(null);
  return (
    <figure class="chart">
      <div ref={frame} role="img" aria-label={p.label} class="chart-frame">
        {width.value === 0 ? null : (
          <Drawing
            {...p}
            width={width.value}
            pointed={pointed.value}
            point={(i) => (pointed.value = i)}
          />
        )}
      </div>
      <Caption {...p} pointed={pointed.value} />
    </figure>
  );
}

function Caption({
  rows,
  kind,
  at,
  format,
  pointed,
}: ChartProps & { readonly pointed: number | null }) {
  const time = pointed === null ? undefined : at[pointed];
  return (
    <figcaption>
      {rows.map(({ label, tone, thin, points, values }) => {
        const value = pointed === null ? null : (values[pointed] ?? null);
        const shape = points === true ? 'point' : thin === true ? 'thin' : kind;
        return (
          <span key={label} class="chart-key">
            <span class={`chart-swatch ${shape} tone-${tone}`} aria-hidden="true" />
            {label} {value === null ? null : <b class="num">{format(value)}</b>}
          </span>
        );
      })}
      {time === undefined ? null : <time class="dim num">{clockText(time, 8)}</time>}
    </figcaption>
  );
}

type DrawingProps = ChartProps & {
  readonly width: number;
  readonly pointed: number | null;
  readonly point: (index: number | null) => void;
};

function Drawing(p: DrawingProps) {
  const { at, width, kind, rows } = p;
  const step = (width - box.left - box.right) / Math.max(1, at.length);
  const x = (i: number): number => box.left + (i + 0.5) * step;
  const scale = scaleOf(p);
  const y = (value: number): number =>
    height - box.bottom - scale.at(value) * (height - box.top - box.bottom);
  const move = (event: PointerEvent): void => {
    const i = Math.floor((event.offsetX - box.left) / step);
    p.point(i < 0 || i >= at.length ? null : i);
  };
  return (
    <svg width={width} height={height} onPointerMove={move} onPointerLeave={() => p.point(null)}>
      <rect class="chart-ground" width={width} height={height} />
      <Axes {...p} scale={scale} x={x} y={y} />
      {p.pointed === null ? null : (
        <rect
          class="chart-pointed"
          x={x(p.pointed) - step / 2}
          width={step}
          y={box.top}
          height={height - box.top - box.bottom}
        />
      )}
      {kind === 'bars' ? (
        <Bars rows={rows} count={at.length} x={x} y={y} step={step} lastIsOpen={p.lastIsOpen} />
      ) : (
        rows.map((row) => <Line key={row.label} row={row} x={x} y={y} lastIsOpen={p.lastIsOpen} />)
      )}
    </svg>
  );
}

function scaleOf({ kind, at, rows }: ChartProps): ValueScale {
  if (kind === 'lines')
    return logScale(rows.flatMap(({ values }) => values).filter((value) => value !== null));
  const sums = at.map((_, i) => rows.reduce((sum, { values }) => sum + (values[i] ?? 0), 0));
  return linearScale(Math.max(0, ...sums));
}

type To = (value: number) => number;

function Axes(p: DrawingProps & { readonly scale: ValueScale; readonly x: To; readonly y: To }) {
  const { at, width, x, y } = p;
  const every = Math.max(1, Math.ceil((at.length * 76) / width));
  const first = Math.floor(every / 2);
  return (
    <g class="chart-axes">
      {p.scale.ticks.map((tick) => (
        <g key={tick}>
          <line x1={box.left} x2={width - box.right} y1={y(tick)} y2={y(tick)} />
          <text x={box.left - 7} y={y(tick) + 4} text-anchor="end">
            {p.mark(tick)}
          </text>
        </g>
      ))}
      {at.map((ms, i) =>
        i % every === first ? (
          <text key={ms} x={x(i)} y={height - 6} text-anchor="middle">
            {clockText(ms, 5)}
          </text>
        ) : null,
      )}
    </g>
  );
}

function clockText(ms: number, chars: number): string {
  return instant(ms, timeMode.value === 'utc').slice(11, 11 + chars);
}

function Bars(p: {
  readonly rows: readonly Row[];
  readonly count: number;
  readonly x: To;
  readonly y: To;
  readonly step: number;
  readonly lastIsOpen: boolean;
}) {
  const width = Math.min(36, Math.max(1, p.step * 0.72));
  return (
    <>
      {Array.from({ length: p.count }, (_, i) => {
        let foot = 0;
        return p.rows.map(({ label, tone, values }) => {
          const value = values[i] ?? 0;
          if (value === 0) return null;
          const top = p.y((foot += value));
          const isOpen = p.lastIsOpen && i === p.count - 1;
          return (
            <rect
              key={`${label} ${i}`}
              class={`bar tone-${tone}${isOpen ? ' open' : ''}`}
              x={p.x(i) - width / 2}
              width={width}
              y={top}
              height={Math.max(1, p.y(foot - value) - top)}
            />
          );
        });
      })}
    </>
  );
}

function Line(p: {
  readonly row: Row;
  readonly x: To;
  readonly y: To;
  readonly lastIsOpen: boolean;
}) {
  const { row, x, y } = p;
  const known = row.values.flatMap((value, i) =>
    value === null ? [] : [{ i, at: `${x(i)} ${y(value)}`, value }],
  );
  const last = known.at(-1);
  const isOpen = p.lastIsOpen && last?.i === row.values.length - 1 && known.length > 1;
  const closed = isOpen ? known.slice(0, -1) : known;
  const tone = `tone-${row.tone}`;
  if (row.points === true || known.length === 1) {
    return (
      <g class={tone}>
        {known.map(({ i, value }) => (
          <circle
            key={i}
            cx={x(i)}
            cy={y(value)}
            r={row.points === true ? 4 : 2.5}
            fill="currentColor"
          />
        ))}
      </g>
    );
  }
  return (
    <g class={`line ${tone}${row.thin === true ? ' thin' : ''}`}>
      <path d={`M${closed.map(({ at }) => at).join('L')}`} />
      {isOpen ? <path class="open" d={`M${closed.at(-1)?.at ?? ''}L${last.at}`} /> : null}
    </g>
  );
}
