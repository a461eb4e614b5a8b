import { useRef } from 'preact/hooks';
import { exportAll, importFiles } from '../files/actions';
import { LANGUAGES, strings } from '../i18n';
import { changeConversation, deleteAll } from '../state/actions';
import { toast } from '../state/notices';
import { SAMPLING_RULES } from '../state/sampling';
import { change, settings, type Settings } from '../state/settings';
import { conversation, conversations, model, models, server, storage } from '../state/store';
import { Dialog } from './dialog';
import { KeyForm } from './failure_box';
import { NumberField } from './number_field';
import { settingsOpen } from './state';

function ThisChat() {
  const t = strings.value;
  const { system, sampling, think } = conversation.value;
  const asDefault = () => {
    change({ system, sampling, think });
    toast(t.asDefaultDone);
  };
  return (
    <section>
      <h3>{t.thisChat}</h3>
      <label class="field">
        <span>{t.system}</span>
        <textarea
          rows={4}
          placeholder={t.systemPlaceholder}
          value={system}
          onInput={(event) => changeConversation({ system: event.currentTarget.value })}
        />
      </label>
      <h4>{t.sampling}</h4>
      <p class="hint">{t.samplingNote}</p>
      <div class="numbers">
        {SAMPLING_RULES.map((rule) => (
          <NumberField
            key={rule.field}
            rule={rule}
            value={sampling[rule.field]}
            onChange={(value) => {
              const { [rule.field]: _, ...others } = conversation.value.sampling;
              changeConversation({
                sampling: value === undefined ? others : { ...others, [rule.field]: value },
              });
            }}
          />
        ))}
      </div>
      <div class="row">
        <button type="button" class="button" onClick={() => changeConversation({ system: '', sampling: {} })}>
          {t.reset}
        </button>
        <button type="button" class="button" onClick={asDefault}>
          {t.asDefault}
        </button>
      </div>
    </section>
  );
}

function Server() {
  const t = strings.value;
  const failed = server.value.state === 'failed' ? server.value.failure : undefined;
  const length = model.value?.contextLength;
  return (
    <section>
      <h3>{t.server}</h3>
      {models.value.length > 0 && (
        <label class="field">
          <span>{t.model}</span>
          <select value={model.value?.id} onChange={(event) => change({ model: event.currentTarget.value })}>
            {models.value.map(({ id }) => (
              <option key={id} value={id}>
                {id}
              </option>
            ))}
          </select>
        </label>
      )}
      {length !== undefined && <p class="hint">{t.context(length)}</p>}
      {failed && <p class="wrong">{t.errors.sentence(failed)}</p>}
      {(settings.value.apiKey !== '' || failed?.kind === 'unauthorized') && <KeyForm />}
    </section>
  );
}

function Choice<K extends 'theme' | 'language'>({
  name,
  label,
  options,
}: {
  name: K;
  label: string;
  options: [Settings[K], string][];
}) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {options.map(([value, text]) => (
        <label key={value}>
          <input
            type="radio"
            name={name}
            checked={settings.value[name] === value}
            onChange={() => change({ [name]: value })}
          />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Page() {
  const t = strings.value;
  return (
    <section>
      <h3>{t.page}</h3>
      <Choice
        name="theme"
        label={t.theme}
        options={[
          ['system', t.themes.system],
          ['light', t.themes.light],
          ['dark', t.themes.dark],
        ]}
      />
      <Choice
        name="language"
        label={t.language}
        options={[
          ['browser', t.languageBrowser],
          ['en', LANGUAGES.en.name],
          ['ko', LANGUAGES.ko.name],
        ]}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={settings.value.singleKeys}
          onChange={(event) => change({ singleKeys: event.currentTarget.checked })}
        />
        {t.singleKeys}
      </label>
    </section>
  );
}

function Data() {
  const t = strings.value;
  const picker = useRef<HTMLInputElement>(null);
  const removeAll = () => {
    if (confirm(t.deleteAllSure)) void deleteAll();
  };
  return (
    <section>
      <h3>{t.data}</h3>
      <p class={storage.value.lasting ? 'hint' : 'wrong'}>
        {storage.value.lasting ? t.dataNote : t.dataLost}
      </p>
      <div class="row">
        <input
          ref={picker}
          class="import-picker"
          type="file"
          accept=".json,application/json"
          multiple
          hidden
          onChange={(event) => {
            void importFiles([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = ''; // so that the same file can be chosen again
          }}
        />
        <button type="button" class="button" onClick={() => picker.current?.click()}>
          {t.importFile}
        </button>
        <button
          type="button"
          class="button"
          disabled={conversations.value.length === 0}
          onClick={() => void exportAll()}
        >
          {t.exportAll}
        </button>
        <button
          type="button"
          class="button danger"
          disabled={conversations.value.length === 0}
          onClick={removeAll}
        >
          {t.deleteAll}
        </button>
      </div>
    </section>
  );
}

export function SettingsPanel() {
  return (
    <Dialog title={strings.value.settings} kind="drawer" onClose={() => (settingsOpen.value = false)}>
      <ThisChat />
      <Server />
      <Page />
      <Data />
      <p class="hint">
        <a href="licenses.md" target="_blank" rel="noopener">
          {strings.value.licenses}
        </a>
      </p>
    </Dialog>
  );
}
