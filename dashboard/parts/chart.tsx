import { useEffect, useRef } from 'preact/hooks';
import type { AlignedData, Options, Series } from 'uplot';

/** One row of a chart. `tone` is a custom property of the style, like '--good'. */
export type Row = {
  readonly label: string;
  readonly tone: string;
  readonly values: readonly (number | null)[];
  /** A lighter line. */
  readonly thin?: boolean;
  /** Single points instead of a line. */
  readonly points?: boolean;
};

export type ChartProps = {
  readonly kind: 'bars' | 'lines';
  /** What it shows, for who cannot see it. */
  readonly label: string;
  /** Seconds. */
  readonly at: readonly number[];
  /** Whether the newest values are still growing: that part is drawn in dashes. */
  readonly lastIsOpen: boolean;
  readonly rows: readonly Row[];
  readonly format: (value: number) => string;
  readonly log?: boolean;
};

const height = 170;

/** A drawing over time, with the values under the pointer below it. */
export function Chart(p: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const latest = useRef(p);
  latest.current = p;
  const drawn = useRef<{ setData: (props: ChartProps) => void } | null>(null);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    return keepDrawn(element, latest, drawn);
  }, []);
  useEffect(() => drawn.current?.setData(p));
  return (
    <figure class="chart">
      <div ref={frame} role="img" aria-label={p.label} class="chart-frame" />
      <figcaption>
        {p.rows.map(({ label, tone, thin, points }) => (
          <span key={label} class="chart-key">
            <span
              class={`chart-swatch${thin === true ? ' thin' : ''}${points === true ? ' point' : ''} ${p.kind}`}
              style={{ color: `var(${tone})` }}
              aria-hidden="true"
            />
            {label} <b class="num" data-key={label} />
          </span>
        ))}
        <time class="dim" />
      </figcaption>
    </figure>
  );
}

/** Draws, again when the size or the system's scheme changes; gives the end of it. */
function keepDrawn(
  element: HTMLElement,
  latest: { readonly current: ChartProps },
  drawn: { current: { setData: (props: ChartProps) => void } | null },
): () => void {
  let stop = (): void => undefined;
  let left = false;
  const dark = matchMedia('(prefers-color-scheme: dark)');
  void import('uplot').then(({ default: UPlot }) => {
    if (left) return;
    const draw = (): InstanceType<typeof UPlot> => {
      element.replaceChildren();
      const { current } = latest;
      return new UPlot(optionsOf(UPlot, current, element), dataOf(current), element);
    };
    let plot = draw();
    drawn.current = { setData: (props) => plot.setData(dataOf(props)) };
    const resize = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    const redraw = (): void => void (plot.destroy(), (plot = draw()));
    resize.observe(element);
    dark.addEventListener('change', redraw);
    stop = () => {
      resize.disconnect();
      dark.removeEventListener('change', redraw);
      plot.destroy();
    };
  });
  return () => {
    left = true;
    stop();
  };
}

/** Bars stand on one another, the first row lowest; a row of lines is two, as its end may be in dashes. */
function dataOf({ kind, at, rows, lastIsOpen }: ChartProps): AlignedData {
  if (kind === 'bars') {
    const sums = at.map(() => 0);
    const stacked = rows.map(({ values }) =>
      values.map((value, i) => (sums[i] = (sums[i] ?? 0) + (value ?? 0))),
    );
    return [[...at], ...stacked.toReversed()];
  }
  const last = at.length - 1;
  const lines = rows.flatMap(({ values, points }) => {
    if (points === true) return [[...values]];
    const isOpen = lastIsOpen && last > 0;
    const closed = values.map((value, i) => (isOpen && i === last ? null : value));
    const open = values.map((value, i) => (isOpen && i >= last - 1 ? value : null));
    return [closed, open];
  });
  return [[...at], ...lines];
}

type UPlotClass = typeof import('uplot').default;

function optionsOf(UPlot: UPlotClass, p: ChartProps, element: HTMLElement): Options {
  const style = getComputedStyle(element);
  const tone = (name: string): string => resolved(element, style.getPropertyValue(name));
  const axis = { stroke: tone('--dim'), font: `11px ${style.fontFamily}` };
  const line = { stroke: tone('--line'), width: 1 };
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    padding: [8, 4, 0, 0],
    cursor: { y: false, points: { show: false }, drag: { setScale: false } },
    scales: {
      y:
        p.log === true
          ? { distr: 3 }
          : { range: (_, __, max) => [0, max === 0 || max === null ? 1 : max * 1.08] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ticks: { ...line, size: 4 },
        gap: 4,
        size: 28,
        values: times,
      },
      {
        ...axis,
        ...{ grid: line, ticks: { show: false }, gap: 4, size: 52, space: 34 },
        values: (_, splits) => splits.map((split) => (split === null ? '' : p.format(split))),
      },
    ],
    series: [{}, ...seriesOf(UPlot, p, tone)],
    hooks: { setCursor: [({ cursor }) => tell(element, cursor.idx ?? null, p)] },
  };
}

/** A canvas knows neither var() nor light-dark(): what the style makes of them. */
function resolved(element: HTMLElement, value: string): string {
  const probe = document.createElement('span');
  probe.style.color = value;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

function seriesOf(UPlot: UPlotClass, p: ChartProps, tone: (name: string) => string): Series[] {
  if (p.kind === 'bars') {
    const paths = UPlot.paths.bars?.({ size: [0.72, 40, 1] });
    return p.rows.toReversed().map((row) => ({
      ...(paths !== undefined && { paths }),
      fill: tone(row.tone),
      width: 0,
      points: { show: false },
    }));
  }
  return p.rows.flatMap((row): Series[] => {
    const stroke = tone(row.tone);
    const width = row.thin === true ? 1 : 1.8;
    const line: Series = { stroke, width, points: { show: false }, spanGaps: true };
    if (row.points === true) {
      return [{ stroke, width: 0, points: { show: true, size: 8, fill: stroke, width: 0 } }];
    }
    return [line, { ...line, dash: [4, 3] }];
  });
}

function times(_: unknown, splits: number[]): string[] {
  return splits.map((seconds) => new Date(seconds * 1000).toTimeString().slice(0, 5));
}

/** The values at the pointer, in the caption. */
function tell(element: HTMLElement, index: number | null, p: ChartProps): void {
  const caption = element.nextElementSibling;
  if (caption === null) return;
  for (const place of caption.querySelectorAll<HTMLElement>('[data-key]')) {
    const row = p.rows.find(({ label }) => label === place.dataset['key']);
    const value = index === null ? null : (row?.values[index] ?? null);
    place.textContent = value === null ? '' : p.format(value);
  }
  const time = caption.querySelector('time');
  const at = index === null ? undefined : p.at[index];
  if (time !== null)
    time.textContent = at === undefined ? '' : new Date(at * 1000).toTimeString().slice(0, 8);
}
