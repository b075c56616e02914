import { useSignal, type ReadonlySignal } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/**
 * The width of an element in px, 0 until it is known. Drawings are made to that width, so that text
 * keeps its size.
 */
export function useWidth(): {
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly width: ReadonlySignal<number>;
} {
  const frame = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  useEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => (width.value = element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { frame, width };
}
