import type { ButtonHTMLAttributes } from 'preact';
import { Icon, type IconName } from './icons';

type Props = { icon: IconName; label: string } & Omit<
  ButtonHTMLAttributes<HTMLButtonElement>,
  'icon' | 'label'
>;

/** A button that shows only an icon; its label is its tooltip and its name. */
export function IconButton({ icon, label, class: more, ...rest }: Props) {
  return (
    <button type="button" class={`icon-button ${more ?? ''}`} aria-label={label} title={label} {...rest}>
      <Icon name={icon} />
    </button>
  );
}
