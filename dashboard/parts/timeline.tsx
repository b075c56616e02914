import { duration } from '../state/text.ts';
import { scaleOf, type Lane, type Scale, type Stretch, type Timeline } from '../state/timeline.ts';
import { useWidth } from '../state/width.ts';

const laneHeight = 46;
const barTop = 18;
const barHeight = 22;
const axisHeight = 24;
/** The approximate width of a character in a label, in px. */
const charWidth = 6.3;

/** The stretches drawn on one axis, with a list of them below that says everything in words. */
export function TimelineView({ timeline }: { readonly timeline: Timeline }) {
  const { frame, width } = useWidth();
  const scale = scaleOf(timeline);
  return (
    <div class="timeline">
      <div ref={frame} class="timeline-drawing">
        {width.value === 0 ? null : (
          <Drawing timeline={timeline} scale={scale} width={width.value} />
        )}
      </div>
      {timeline.lanes.map((lane, i) => (
        <ol key={lane.name + i} class="timeline-list">
          {timeline.lanes.length === 1 ? null : <li class="dim">{lane.name}</li>}
          {lane.stretches.map((stretch) => (
            <li key={`${stretch.kind} ${stretch.from}`}>
              <span
                class={`swatch stretch-${stretch.kind} tone-${stretch.tone}`}
                aria-hidden="true"
              />
              {stretch.label}
              {stretch.detail === null ? null : <span class="dim"> ({stretch.detail})</span>}
            </li>
          ))}
        </ol>
      ))}
      {scale.isLinear ? null : (
        <p class="dim small timeline-note">Not to scale: long stretches are drawn shorter.</p>
      )}
    </div>
  );
}

function Drawing(p: {
  readonly timeline: Timeline;
  readonly scale: Scale;
  readonly width: number;
}) {
  const { lanes, start, end, deadline, now } = p.timeline;
  const height = lanes.length * laneHeight + axisHeight;
  const x = (ms: number): number => Math.round(p.scale.at(ms) * (p.width - 2) * 10) / 10 + 1;
  const isDeadlineSeen = deadline !== null && deadline <= end;
  return (
    <svg width={p.width} height={height} aria-hidden="true">
      <Axis timeline={p.timeline} x={x} top={height - axisHeight} width={p.width} />
      {lanes.map((lane, i) => (
        <LaneBars key={lane.name + i} lane={lane} top={i * laneHeight} x={x} />
      ))}
      {now === null || now > end || now < start ? null : (
        <line class="line-now" x1={x(now)} x2={x(now)} y1={barTop - 4} y2={height - axisHeight} />
      )}
      {deadline === null ? null : isDeadlineSeen ? (
        <g class="line-deadline">
          <line x1={x(deadline)} x2={x(deadline)} y1={0} y2={height - axisHeight} />
          <text x={x(deadline) - 4} y={11} text-anchor="end">
            deadline
          </text>
        </g>
      ) : (
        <text class="line-deadline" x={p.width - 2} y={11} text-anchor="end">
          deadline {duration(deadline - end)} later →
        </text>
      )}
    </svg>
  );
}

function LaneBars(p: {
  readonly lane: Lane;
  readonly top: number;
  readonly x: (ms: number) => number;
}) {
  return (
    <g transform={`translate(0 ${p.top})`}>
      <text class="lane-name" x={1} y={11}>
        {p.lane.name}
      </text>
      {p.lane.stretches.map((stretch) => (
        <Bar key={`${stretch.kind} ${stretch.from}`} stretch={stretch} x={p.x} />
      ))}
    </g>
  );
}

function Bar({ stretch, x }: { readonly stretch: Stretch; readonly x: (ms: number) => number }) {
  const from = x(stretch.from);
  const width = Math.max(
    stretch.kind === 'send' || stretch.kind === 'attempt' ? 3 : 0,
    x(stretch.to) - from - 1,
  );
  const label = labelsOf(stretch).find((text) => text.length * charWidth + 12 < width);
  return (
    <g class={`stretch-${stretch.kind} tone-${stretch.tone}${stretch.open ? ' open' : ''}`}>
      <title>{`${stretch.label}${stretch.detail === null ? '' : `: ${stretch.detail}`}`}</title>
      <rect x={from} y={barTop} width={width} height={barHeight} rx={3} />
      {label === undefined ? null : (
        <text x={from + 6} y={barTop + 15}>
          {label}
        </text>
      )}
    </g>
  );
}

/** The possible labels, from the longest to the shortest. */
function labelsOf({ kind, label }: Stretch): string[] {
  if (kind !== 'attempt' && kind !== 'send')
    return [label, label.split(' ').slice(0, -2).join(' ')];
  const [name = ''] = /^attempt \d+/.exec(label) ?? [];
  return [label, name, name.slice('attempt '.length)];
}

/** The marks at the ends of stretches, where there is room. */
function Axis(p: {
  readonly timeline: Timeline;
  readonly x: (ms: number) => number;
  readonly top: number;
  readonly width: number;
}) {
  const { start, end, lanes } = p.timeline;
  const ends = lanes.flatMap(({ stretches }) => stretches.flatMap(({ from, to }) => [from, to]));
  const ticks = [start];
  for (const ms of [...new Set(ends)].sort((a, b) => a - b)) {
    const last = ticks.at(-1) ?? start;
    if (p.x(ms) - p.x(last) > 74 && p.width - p.x(ms) > 66) ticks.push(ms);
  }
  return (
    <g class="axis">
      <line x1={0} x2={p.width} y1={p.top + 0.5} y2={p.top + 0.5} />
      {ticks.map((ms) => (
        <g key={ms}>
          <line x1={p.x(ms)} x2={p.x(ms)} y1={p.top} y2={p.top + 4} />
          <text x={p.x(ms)} y={p.top + 16} text-anchor={ms === start ? 'start' : 'middle'}>
            {ms === start ? '0' : duration(ms - start)}
          </text>
        </g>
      ))}
      <text x={p.width - 1} y={p.top + 16} text-anchor="end">
        {duration(end - start)}
      </text>
    </g>
  );
}
