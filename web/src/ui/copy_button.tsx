import { useState } from 'preact/hooks';
import { copyText } from '../files/download';
import { strings } from '../i18n';
import { toast } from '../state/notices';
import { IconButton } from './icon_button';

export function CopyButton({ text }: { text: () => string }) {
  const t = strings.value;
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    if (!(await copyText(text()))) return toast(t.copyFailed);
    setCopied(true);
    setTimeout(() => setCopied(false), 1600);
  };
  return (
    <IconButton
      icon={copied ? 'check' : 'copy'}
      label={copied ? t.copied : t.copy}
      onClick={() => void copy()}
    />
  );
}
