import { useSignal, useSignalEffect, type Signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { ProblemError, type WireLogLine, type WireOperation } from 'raincheck/client';
import { timeMode } from '../state/clock.ts';
import { feedState, pause } from '../state/feed.ts';
import { extended, gapBefore, noLines, type LogTail } from '../state/log-tail.ts';
import { client } from '../state/server.ts';
import { isFinalOperation } from '../state/shown.ts';
import { instant, plural } from '../state/text.ts';
import { Code } from './code.tsx';
import { Empty } from './empty.tsx';
import { Trouble } from './trouble.tsx';

/** The lines that the handlers write, as they come. */
export function OperationLog({ operation }: { readonly operation: WireOperation }) {
  const { id } = operation;
  const isOver = isFinalOperation(operation);
  const tail = useSignal<LogTail | null>(null);
  const error = useSignal<Error | null>(null);
  const follows = useSignal(true);
  useTail(id, { isOver, tail, error });
  const shown = tail.value;
  return (
    <>
      <Trouble error={error.value} />
      {shown === null ? null : shown.lines.length === 0 ? (
        <Empty title={isOver ? 'Nothing was logged' : 'Nothing is logged yet'}>
          What a handler writes with <code>log.info('…')</code> is shown here.
        </Empty>
      ) : (
        <>
          {isOver ? null : (
            <label class="log-follow">
              <input
                type="checkbox"
                checked={follows.value}
                onChange={(event) => (follows.value = event.currentTarget.checked)}
              />
              Follow
            </label>
          )}
          <LeftOut id={id} tail={shown} />
          <Lines tail={shown} follows={follows} />
        </>
      )}
    </>
  );
}

/** Pause before a server that did not answer is asked again. */
const againMs = 2_000;

/**
 * Reads the existing lines, then follows while the operation runs and the view is shown. It stops
 * while the page is paused.
 */
function useTail(
  id: string,
  p: {
    readonly isOver: boolean;
    readonly tail: Signal<LogTail | null>;
    readonly error: Signal<Error | null>;
  },
): void {
  const { isOver, tail, error } = p;
  const looks = useSignal(!document.hidden);
  useEffect(() => {
    const look = (): void => void (looks.value = !document.hidden);
    document.addEventListener('visibilitychange', look);
    return () => document.removeEventListener('visibilitychange', look);
  }, []);
  useEffect(() => void (tail.value = null), [id]);
  const isPaused = feedState.value === 'paused' || !looks.value;
  useEffect(() => {
    // While paused, it shows the existing lines and does not follow.
    if (isPaused && tail.peek() !== null) return;
    const left = new AbortController();
    const { signal } = left;
    let waiting: WireLogLine[] = [];
    let frame = 0;
    // Many lines at once are drawn once a frame, not once a line.
    const flush = (): void => {
      frame = 0;
      tail.value = extended(tail.peek() ?? noLines, waiting);
      waiting = [];
    };
    async function readOnce(): Promise<void> {
      const after = tail.peek()?.lines.at(-1)?.number ?? 0;
      const handle = client.operation(id);
      for await (const line of handle.logs({ after, signal, follow: false })) waiting.push(line);
      flush();
      error.value = null;
      if (isOver || isPaused) return;
      const seen = tail.peek()?.lines.at(-1)?.number ?? 0;
      for await (const line of handle.logs({ after: seen, signal, follow: true })) {
        waiting.push(line);
        if (frame === 0) frame = requestAnimationFrame(flush);
      }
    }
    async function read(): Promise<void> {
      while (!signal.aborted) {
        try {
          return await readOnce();
        } catch (thrown) {
          if (signal.aborted) return;
          error.value = thrown instanceof Error ? thrown : new Error(String(thrown));
          // A request that the server refused would be refused again.
          if (thrown instanceof ProblemError && thrown.status < 500) return;
        }
        cancelAnimationFrame(frame);
        if (waiting.length > 0) flush();
        await pause(againMs, signal);
      }
    }
    void read();
    return () => {
      left.abort();
      cancelAnimationFrame(frame);
      if (waiting.length > 0) flush();
    };
  }, [id, isOver, isPaused]);
}

function LeftOut({ id, tail }: { readonly id: string; readonly tail: LogTail }) {
  const { leftOut, lost } = tail;
  if (leftOut + lost === 0) return null;
  return (
    <div class="dim small">
      {leftOut === 0 ? null : (
        <>
          <p>{plural(leftOut, 'older line')} left out here. To have them all:</p>
          <Code text={`raincheck logs ${id}`} label="the command" />
        </>
      )}
      {lost === 0 ? null : <p>{plural(lost, 'older line')} not kept: only the latest are.</p>}
    </div>
  );
}

const tones = { debug: 'off', info: 'ink', warn: 'warn', error: 'bad' } as const;

function Lines({ tail, follows }: { readonly tail: LogTail; readonly follows: Signal<boolean> }) {
  const box = useRef<HTMLDivElement>(null);
  const { lines } = tail;
  const toEnd = (): void => void (box.current !== null && (box.current.scrollTop = 1e9));
  useLayoutEffect(() => void (follows.peek() && toEnd()), [tail]);
  useSignalEffect(() => void (follows.value && toEnd()));
  const onScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = box.current as HTMLDivElement;
    follows.value = scrollTop + clientHeight >= scrollHeight - 24;
  };
  return (
    <div class="log" ref={box} tabIndex={0} role="region" aria-label="The log" onScroll={onScroll}>
      <ol>
        {lines.map((line, i) => (
          <Line key={line.number} line={line} before={lines[i - 1]} />
        ))}
      </ol>
    </div>
  );
}

function Line(p: { readonly line: WireLogLine; readonly before: WireLogLine | undefined }) {
  const { at, attempt, level, message, fields } = p.line;
  const gap = gapBefore(p.line, p.before);
  const ms = Date.parse(at);
  const isUtc = timeMode.value === 'utc';
  return (
    <li>
      {gap === 0 ? null : <p class="dim">{plural(gap, 'line')} not kept</p>}
      {p.before?.attempt === attempt ? null : <h3>Attempt {attempt}</h3>}
      <p>
        <time class="dim" dateTime={at} title={`${instant(ms, isUtc)} ${isUtc ? 'UTC' : 'local'}`}>
          {instant(ms, isUtc).slice(11)}.{String(ms % 1000).padStart(3, '0')}
        </time>{' '}
        <span class={`log-level tone-${tones[level]}`}>{level}</span> {message}
        {fields === null ? null : <span class="dim"> {JSON.stringify(fields)}</span>}
      </p>
    </li>
  );
}
