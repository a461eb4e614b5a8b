import { useEffect } from 'preact/hooks';
import { settings } from '../state/settings';
import { conversation } from '../state/store';
import { Composer } from './composer';
import { DropZone } from './drop_zone';
import { Header } from './header';
import { HelpSheet } from './help_sheet';
import { SettingsPanel } from './settings_panel';
import { onKeyDown } from './shortcuts';
import { Sidebar } from './sidebar';
import { drawerOpen, helpOpen, settingsOpen } from './state';
import { Thread } from './thread';
import { Toasts } from './toasts';

export function App() {
  useEffect(() => {
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
  const { title } = conversation.value;
  useEffect(() => {
    document.title = title ? `${title} · jaju` : 'jaju';
  }, [title]);
  return (
    <div class={`app ${settings.value.sidebar ? '' : 'no-sidebar'} ${drawerOpen.value ? 'drawer-open' : ''}`}>
      <Sidebar />
      <div class="shade" onClick={() => (drawerOpen.value = false)} />
      <main class="main">
        <Header />
        <Thread />
        <Composer />
      </main>
      {settingsOpen.value && <SettingsPanel />}
      {helpOpen.value && <HelpSheet />}
      <DropZone />
      {/* An open dialog lies above all else and shows them itself. */}
      {!settingsOpen.value && !helpOpen.value && <Toasts />}
    </div>
  );
}
