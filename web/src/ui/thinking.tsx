import { useId, useState } from 'preact/hooks';
import { strings } from '../i18n';
import { Icon } from './icons';
import { MarkdownView } from './markdown_view';

interface Props {
  text: string;
  ms: number;
  active: boolean;
}

/** The model's reasoning, folded, with the time it took. */
export function Thinking({ text, ms, active }: Props) {
  const t = strings.value;
  const [open, setOpen] = useState(false);
  const id = useId();
  const seconds = ms / 1000;
  const time = t.seconds(seconds);
  return (
    <section class={`thinking ${active ? 'active' : ''}`}>
      <button type="button" class="fold" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        <Icon name="bulb" />
        <span>{active ? t.thinking : seconds < 0.05 ? t.thoughtBriefly : t.thought(time)}</span>
        {active && <span class="clock" aria-hidden="true">{time}</span>}
        <Icon name="chevron" />
      </button>
      <div id={id} hidden={!open}>{open && <MarkdownView text={text} growing={active} />}</div>
    </section>
  );
}
