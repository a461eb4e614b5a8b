import { strings } from '../i18n';
import { composerText } from './composer';
import { focusComposer } from './state';

/** What a new chat shows: what one can ask, and how the page works. */
export function Empty() {
  const t = strings.value;
  const take = (text: string) => {
    composerText.value = text;
    focusComposer();
  };
  return (
    <section class="empty">
      <h1>{t.emptyTitle}</h1>
      <div class="examples">
        {t.examples.map(([title, text]) => (
          <button key={title} type="button" onClick={() => take(text!)}>
            <strong>{title}</strong>
            <span>{text}</span>
          </button>
        ))}
      </div>
      <ul class="hints">
        {t.emptyHints.map((hint) => (
          <li key={hint}>{hint}</li>
        ))}
      </ul>
    </section>
  );
}
