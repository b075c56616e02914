import type { ComponentChildren } from 'preact';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** A dialog over the page while it is rendered; Escape and its cross call `onClose`. */
export function Dialog(p: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // At once rather than after the next frame, which would take the focus from a person who already
  // types.
  useLayoutEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        p.onClose();
      }}
    >
      <header>
        <h2 id={titleId}>{p.title}</h2>
        <button type="button" class="quiet" aria-label="Close" onClick={p.onClose}>
          <Icon name="close" />
        </button>
      </header>
      {p.children}
    </dialog>
  );
}
