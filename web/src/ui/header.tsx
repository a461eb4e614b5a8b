import { strings } from '../i18n';
import { change, settings } from '../state/settings';
import { conversation, model, server } from '../state/store';
import { IconButton } from './icon_button';
import { startNewChat } from './sidebar';
import { drawerOpen, narrow, settingsOpen } from './state';

export function toggleSidebar(): void {
  if (narrow()) drawerOpen.value = !drawerOpen.value;
  else change({ sidebar: !settings.value.sidebar });
}

export function Header() {
  const t = strings.value;
  const state = server.value.state;
  const says = state === 'ready' ? (model.value?.id ?? t.connected) : state === 'unknown' ? t.connecting : '';
  return (
    <header class="header">
      <IconButton
        icon="menu"
        label={settings.value.sidebar ? t.hideSidebar : t.showSidebar}
        onClick={toggleSidebar}
      />
      <h1 class="title">{conversation.value.title || t.untitled}</h1>
      {says && (
        <button type="button" class="model" title={t.settings} onClick={() => (settingsOpen.value = true)}>
          <span class={`light ${state}`} aria-hidden="true" />
          <span>{says}</span>
        </button>
      )}
      <IconButton class="only-narrow" icon="plus" label={t.newChat} onClick={startNewChat} />
      <IconButton icon="settings" label={t.settings} onClick={() => (settingsOpen.value = true)} />
    </header>
  );
}
