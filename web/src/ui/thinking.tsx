import { signal } from '@preact/signals';
import { useId } from 'preact/hooks';
import { strings } from '../i18n';
import { Icon } from './icons';
import { MarkdownView } from './markdown_view';

// Answers whose reasoning the reader unfolded.
const unfolded = signal<ReadonlySet<string>>(new Set());

interface Props {
  id: string; // of the answer
  text: string;
  ms: number;
  active: boolean;
}

/** The model's reasoning, folded, with the time it took. */
export function Thinking({ id: answer, text, ms, active }: Props) {
  const t = strings.value;
  const open = unfolded.value.has(answer);
  const toggle = () => {
    const next = new Set(unfolded.value);
    if (!next.delete(answer)) next.add(answer);
    unfolded.value = next;
  };
  const id = useId();
  const seconds = ms / 1000;
  const time = t.seconds(seconds);
  return (
    <section class={`thinking ${active ? 'active' : ''}`}>
      <button type="button" class="fold" aria-expanded={open} aria-controls={id} onClick={toggle}>
        <Icon name="bulb" />
        <span>{active ? t.thinking : seconds < 0.05 ? t.thoughtBriefly : t.thought(time)}</span>
        {active && (
          <span class="clock" aria-hidden="true">
            {time}
          </span>
        )}
        <Icon name="chevron" />
      </button>
      <div id={id} hidden={!open}>
        {open && <MarkdownView text={text} growing={active} />}
      </div>
    </section>
  );
}
