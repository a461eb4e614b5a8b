import { strings } from '../i18n';
import { announcement, dismiss, toasts } from '../state/notices';
import { IconButton } from './icon_button';

export function Toasts() {
  return (
    <>
      <div class="toasts" role="status" aria-live="polite">
        {toasts.value.map(({ id, text, action }) => (
          <div key={id} class="toast">
            <span>{text}</span>
            {action && (
              <button
                type="button"
                onClick={() => {
                  dismiss(id);
                  action.run();
                }}
              >
                {action.label}
              </button>
            )}
            <IconButton icon="close" label={strings.value.dismiss} onClick={() => dismiss(id)} />
          </div>
        ))}
      </div>
      <div class="visually-hidden" role="status" aria-live="polite">
        {announcement.value}
      </div>
    </>
  );
}
