import { strings } from '../i18n';
import { chooseVersion } from '../state/actions';
import { children } from '../state/store';
import { versionsOf, type MessageNode } from '../state/tree';
import { IconButton } from './icon_button';

/** Arrows between the versions of a question or an answer; nothing where there is one. */
export function VersionPicker({ node, disabled }: { node: MessageNode; disabled: boolean }) {
  const t = strings.value;
  const { index, ids } = versionsOf(children.value, node);
  if (ids.length < 2) return null;
  const go = (to: number) => {
    chooseVersion(ids[to]!);
    // The other version brings arrows of its own: the one that was used keeps the focus, or the one that is left.
    requestAnimationFrame(() => {
      const arrows = document.querySelectorAll<HTMLButtonElement>(`[data-version-of="${ids[to]!}"] button`);
      const [back, forward] = to < index ? arrows : [...arrows].reverse();
      (back?.disabled ? forward : back)?.focus();
    });
  };
  return (
    <span class="versions" role="group" data-version-of={node.id} aria-label={t.versionLabel(index + 1, ids.length)}>
      <IconButton
        icon="left"
        label={t.previousVersion}
        disabled={disabled || index === 0}
        onClick={() => go(index - 1)}
      />
      <span aria-hidden="true">{t.version(index + 1, ids.length)}</span>
      <IconButton
        icon="right"
        label={t.nextVersion}
        disabled={disabled || index === ids.length - 1}
        onClick={() => go(index + 1)}
      />
    </span>
  );
}
