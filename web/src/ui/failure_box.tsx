import { useState } from 'preact/hooks';
import type { ChatFailure } from '../api/errors';
import { strings } from '../i18n';
import { loadModels } from '../state/actions';
import { change, settings } from '../state/settings';
import { Icon } from './icons';

/** Asks for a key, tries it, and goes on with `then`. */
export function KeyForm({ then }: { then?: () => void }) {
  const t = strings.value;
  const [key, setKey] = useState(settings.value.apiKey);
  const submit = (event: Event) => {
    event.preventDefault();
    change({ apiKey: key.trim() });
    void loadModels().then(then);
  };
  return (
    <form class="key-form" onSubmit={submit}>
      <label>
        <span>{t.apiKey}</span>
        <input
          type="password"
          autocomplete="off"
          spellcheck={false}
          pattern="\s*[!-~]*\s*"
          title={t.apiKeyLetters}
          value={key}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button primary">
        {t.useKey}
      </button>
      <label class="check">
        <input
          type="checkbox"
          checked={settings.value.rememberKey}
          onChange={(event) => change({ rememberKey: event.currentTarget.checked })}
        />
        {t.rememberKey}
      </label>
      <p class="hint">{t.apiKeyNote}</p>
    </form>
  );
}

/** A failure in one sentence, with what can be done about it. */
export function FailureBox({ failure, retry }: { failure: ChatFailure; retry: () => void }) {
  const t = strings.value;
  // A key that nobody asked for yet is a question, not a failure.
  const asks = failure.kind === 'unauthorized' && settings.value.apiKey === '';
  return (
    <div class={`failure ${asks ? 'asks' : ''}`} role="group">
      <p>
        <Icon name={asks ? 'key' : 'warning'} />
        {asks ? t.wantsKey : t.errors.sentence(failure)}
      </p>
      {failure.kind === 'unauthorized' ? (
        <KeyForm then={retry} />
      ) : (
        <button type="button" class="button" onClick={retry}>
          {t.retry}
        </button>
      )}
    </div>
  );
}
