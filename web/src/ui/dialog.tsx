import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { strings } from '../i18n';
import { IconButton } from './icon_button';
import { Toasts } from './toasts';

interface Props {
  title: string;
  kind: 'sheet' | 'drawer';
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal dialog of the browser: it keeps the focus, and Escape or a click beside it closes it. */
export function Dialog({ title, kind, onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    dialog.current?.showModal();
    return () => opener?.focus?.();
  }, []);
  return (
    <dialog
      ref={dialog}
      class={`dialog ${kind}`}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 id={id}>{title}</h2>
          <IconButton icon="close" label={strings.value.close} onClick={() => dialog.current?.close()} />
        </header>
        {children}
      </div>
      <Toasts />
    </dialog>
  );
}
