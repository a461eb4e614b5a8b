import { signal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import { attachFiles } from '../files/actions';
import { strings } from '../i18n';
import { changeConversation, lastOf, send } from '../state/actions';
import { stop } from '../state/answer';
import { conversation, run } from '../state/store';
import type { AttachedFile } from '../state/tree';
import { FileChip } from './file_chip';
import { IconButton } from './icon_button';
import { Icon } from './icons';
import { editing } from './state';
import { byTouch, growTextArea, isSendKey } from './text_area';

export const composerText = signal('');
export const composerFiles = signal<readonly AttachedFile[]>([]);

export async function addFiles(files: Iterable<File>): Promise<void> {
  composerFiles.value = await attachFiles(files, composerFiles.value);
}

/** Texts that were not sent yet, by conversation. */
const drafts = new Map<string, { text: string; files: readonly AttachedFile[] }>();

function useDrafts(id: string): void {
  useEffect(() => {
    const draft = drafts.get(id);
    if (draft) {
      composerText.value = draft.text;
      composerFiles.value = draft.files;
    }
    return () => {
      drafts.set(id, { text: composerText.value, files: composerFiles.value });
      composerText.value = '';
      composerFiles.value = [];
    };
  }, [id]);
}

function submit(): void {
  if (run.value || (composerText.value.trim() === '' && composerFiles.value.length === 0)) return;
  const text = composerText.value.trim();
  const files = [...composerFiles.value];
  composerText.value = '';
  composerFiles.value = [];
  send(text, files);
}

/** Stop stands where Send stood, so the second click of a double click finds it: that one is no wish to stop. */
function stopUnlessSecond(event: MouseEvent): void {
  if (event.detail < 2) stop();
}

function ThinkSwitch() {
  const t = strings.value;
  const { think } = conversation.value;
  return (
    <button
      type="button"
      class="think-switch"
      aria-pressed={think}
      title={think ? t.thinkOn : t.thinkOff}
      onClick={() => changeConversation({ think: !think })}
    >
      <Icon name="bulb" />
      {t.think}
    </button>
  );
}

export function Composer() {
  const t = strings.value;
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const text = composerText.value;
  const files = composerFiles.value;
  const running = run.value !== undefined;
  useDrafts(conversation.value.id);
  useLayoutEffect(() => growTextArea(area.current!), [text]);
  useEffect(() => {
    if (!byTouch()) area.current!.focus();
  }, [conversation.value.id]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (isSendKey(event)) {
      event.preventDefault();
      submit();
    } else if (event.key === 'ArrowUp' && text === '' && !running) {
      const last = lastOf('user');
      if (!last) return;
      event.preventDefault();
      editing.value = last.id;
    }
  };
  return (
    <form class="composer" onSubmit={(event) => (event.preventDefault(), submit())}>
      <div class="composer-box">
        {files.length > 0 && (
          <div class="files">
            {files.map((file, index) => (
              <FileChip
                key={index}
                file={file}
                onRemove={() => (composerFiles.value = files.filter((_, at) => at !== index))}
              />
            ))}
          </div>
        )}
        <textarea
          id="composer-input"
          ref={area}
          rows={1}
          aria-label={t.inputLabel}
          placeholder={t.placeholder}
          value={text}
          onInput={(event) => (composerText.value = event.currentTarget.value)}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const pasted = event.clipboardData?.files;
            if (!pasted?.length) return;
            event.preventDefault();
            void addFiles(pasted);
          }}
        />
        <div class="composer-row">
          <input
            ref={picker}
            type="file"
            multiple
            hidden
            onChange={(event) => {
              void addFiles([...(event.currentTarget.files ?? [])]);
              event.currentTarget.value = '';
            }}
          />
          <IconButton icon="attach" label={t.attach} onClick={() => picker.current?.click()} />
          <ThinkSwitch />
          <span class="spring" />
          {running ? (
            <IconButton class="send stop" icon="stop" label={t.stop} onClick={stopUnlessSecond} />
          ) : (
            <IconButton
              class="send"
              icon="send"
              label={t.send}
              type="submit"
              disabled={text.trim() === '' && files.length === 0}
            />
          )}
        </div>
      </div>
      <p class="small-print">{t.local}</p>
    </form>
  );
}
