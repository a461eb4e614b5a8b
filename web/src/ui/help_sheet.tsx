import { strings } from '../i18n';
import { settings } from '../state/settings';
import { Dialog } from './dialog';
import { SHORTCUTS } from './shortcuts';
import { helpOpen } from './state';

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function shown(key: string): string[] {
  const parts = key === ',' ? [','] : key.split('+').map((part) => (part === '' ? '+' : part));
  return parts.map((part) =>
    isMac ? ({ Ctrl: '⌘', Alt: '⌥', Shift: '⇧' }[part] ?? part) : part === 'Escape' ? 'Esc' : part,
  );
}

export function HelpSheet() {
  const t = strings.value;
  return (
    <Dialog title={t.help} kind="sheet" onClose={() => (helpOpen.value = false)}>
      <dl class="keys">
        {SHORTCUTS.map(({ name, keys }) => (
          <div key={name}>
            <dt>{t.keys[name]}</dt>
            <dd>
              {keys
                .filter((key) => settings.value.singleKeys || key.length > 1)
                .map((key) => (
                  <span key={key} class="combination">
                    {shown(key).map((part) => (
                      <kbd key={part}>{part}</kbd>
                    ))}
                  </span>
                ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
