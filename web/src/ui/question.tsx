import { memo } from 'preact/compat';
import { useEffect, useRef, useState } from 'preact/hooks';
import { strings } from '../i18n';
import { editQuestion } from '../state/actions';
import { run } from '../state/store';
import type { MessageNode } from '../state/tree';
import { CopyButton } from './copy_button';
import { FileChip } from './file_chip';
import { IconButton } from './icon_button';
import { growTextArea, isComposing, isSendKey } from './text_area';
import { editing, focusComposer } from './state';
import { VersionPicker } from './version_picker';

function Editor({ node }: { node: MessageNode }) {
  const t = strings.value;
  const [text, setText] = useState(node.content);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = area.current!;
    growTextArea(element);
    element.focus();
    element.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const close = () => {
    editing.value = null;
    focusComposer();
  };
  const submit = () => {
    if (run.value || (text.trim() === '' && !node.files?.length)) return; // one answer at a time
    close();
    editQuestion(node.id, text);
  };
  return (
    <form class="editor" onSubmit={(event) => (event.preventDefault(), submit())}>
      <textarea
        ref={area}
        aria-label={t.editLabel}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          growTextArea(event.currentTarget);
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && !isComposing(event)) {
            event.stopPropagation();
            close();
          } else if (isSendKey(event)) {
            event.preventDefault();
            submit();
          }
        }}
      />
      <div class="row">
        <span class="hint">{t.editNote}</span>
        <button type="button" class="button" onClick={close}>
          {t.cancel}
        </button>
        <button type="submit" class="button primary" disabled={run.value !== undefined}>
          {t.send}
        </button>
      </div>
    </form>
  );
}

const LONG_CHARS = 1500;
const LONG_LINES = 18;

/** The text of a question, cut where it is long enough to push the answer off the page. */
function Bubble({ text }: { text: string }) {
  const t = strings.value;
  const [whole, setWhole] = useState(false);
  const long = text.length > LONG_CHARS || text.split('\n', LONG_LINES + 1).length > LONG_LINES;
  return (
    <>
      <div class={`bubble ${long && !whole ? 'clipped' : ''}`}>{text}</div>
      {long && (
        <button type="button" class="unclip" aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? t.showLess : t.showAll}
        </button>
      )}
    </>
  );
}

export const Question = memo(({ node, busy }: { node: MessageNode; busy: boolean }) => {
  const t = strings.value;
  return (
    <article class="message question" aria-label={t.you} data-id={node.id}>
      {editing.value === node.id ? (
        <Editor node={node} />
      ) : (
        <>
          {node.files && (
            <div class="files">
              {node.files.map((file) => (
                <FileChip key={file.name} file={file} />
              ))}
            </div>
          )}
          {node.content !== '' && <Bubble text={node.content} />}
          <footer class="actions">
            <VersionPicker node={node} disabled={busy} />
            <CopyButton text={() => node.content} />
            <IconButton
              icon="edit"
              label={t.edit}
              disabled={busy}
              onClick={() => (editing.value = node.id)}
            />
          </footer>
        </>
      )}
    </article>
  );
});
