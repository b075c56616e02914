import type { JSX } from 'preact';
import type { Shape, Shown } from '../state/shown.ts';

const ring = <circle cx="7" cy="7" r="5.25" fill="none" stroke="currentColor" stroke-width="1.5" />;
const disc = <circle cx="7" cy="7" r="6" fill="currentColor" />;

/** States differ in shape, so that colour is only a help. */
const shapes: Readonly<Record<Shape, JSX.Element>> = {
  hollow: ring,
  clock: (
    <>
      {ring}
      <path d="M7 4.2V7l2 1.3" class="mark-line" />
    </>
  ),
  half: (
    <>
      {ring}
      <path d="M7 1.750a5.25 5.25 0 0 1 0 10.500Z" fill="currentColor" />
    </>
  ),
  check: (
    <>
      {disc}
      <path d="m4.3 7.2 1.9 1.9 3.5-3.9" class="mark-cut" />
    </>
  ),
  cross: (
    <>
      {disc}
      <path d="m4.9 4.9 4.2 4.200m0-4.200L4.9 9.1" class="mark-cut" />
    </>
  ),
  dash: (
    <>
      {ring}
      <path d="M4.5 7h5" class="mark-line" />
    </>
  ),
  loop: <path d="M11.7 5.300A5.1 5.1 0 1 0 12.1 8M12 2.300v3.200H8.8" class="mark-line" />,
  pause: (
    <>
      {ring}
      <path d="M5.5 4.900v4.200m3-4.200v4.2" class="mark-line" />
    </>
  ),
  dot: <circle cx="7" cy="7" r="4" fill="currentColor" />,
  warn: (
    <>
      <path
        d="M7 1.2 13.2 12.500H.8Z"
        fill="currentColor"
        stroke="currentColor"
        stroke-linejoin="round"
      />
      <path d="M7 5.200v3.400m0 1.500v.1" class="mark-cut" />
    </>
  ),
};

export function Mark({ shape }: { readonly shape: Shape }) {
  return (
    <svg class="mark" viewBox="0 0 14 14" width="14" height="14" aria-hidden="true">
      {shapes[shape]}
    </svg>
  );
}

/** A state as its shape and its word. */
export function State({ shown }: { readonly shown: Shown }) {
  return (
    <span class={`state tone-${shown.tone}`}>
      <Mark shape={shown.shape} />
      {shown.word}
    </span>
  );
}
