import { strings } from '../i18n';
import type { AttachedFile } from '../state/tree';
import { IconButton } from './icon_button';
import { Icon } from './icons';

function size(characters: number): string {
  return characters < 1024
    ? `${characters} B`
    : `${(characters / 1024).toFixed(characters < 10240 ? 1 : 0)} KiB`;
}

export function FileChip({ file, onRemove }: { file: AttachedFile; onRemove?: () => void }) {
  return (
    <span class="file-chip">
      <Icon name="file" />
      <span class="name">{file.name}</span>
      <span class="size">{size(new Blob([file.text]).size)}</span>
      {onRemove && <IconButton icon="close" label={strings.value.removeFile(file.name)} onClick={onRemove} />}
    </span>
  );
}
