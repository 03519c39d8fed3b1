// A modal question over the page. The browser's own <dialog>: keeps the focus inside and gives it back.
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { explain } from '../api/explain.ts';
import { focusHeading } from './screen.tsx';

interface DialogProps {
  readonly title: string;
  readonly confirmLabel: string;
  readonly tone?: 'danger' | 'plain';
  readonly children?: ComponentChildren;
  /** Closes the dialog when it succeeds; its error is shown inside. */
  readonly onConfirm: () => Promise<void>;
  readonly onClose: () => void;
}

export function Dialog({ title, confirmLabel, tone = 'plain', children, onConfirm, onClose }: DialogProps) {
  const box = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState('');

  useEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => {
      dialog?.close();
      // What asked for it may be deleted.
      if (document.activeElement === document.body) focusHeading();
    };
  }, []);

  async function confirm(event: Event): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem('');
    try {
      await onConfirm();
      // Closed first, so that the focus returns before the page changes.
      box.current?.close();
    } catch (error) {
      setProblem(explain(error));
      setBusy(false);
    }
  }

  return (
    <dialog
      ref={box}
      aria-labelledby={titleId}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === box.current) box.current?.close();
      }}
    >
      <form class="dialog" onSubmit={(event) => void confirm(event)}>
        <h2 id={titleId} dir="auto">
          {title}
        </h2>
        {children}
        <p class="field-problem" role="alert">
          {problem}
        </p>
        <div class="dialog-buttons">
          <button type="button" class="button quiet" onClick={() => box.current?.close()}>
            Cancel
          </button>
          <button type="submit" class={`button ${tone === 'danger' ? 'danger' : 'primary'}`} aria-busy={isBusy}>
            {confirmLabel}
          </button>
        </div>
      </form>
    </dialog>
  );
}
