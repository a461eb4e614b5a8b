import { memo } from 'preact/compat';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { enhance } from '../markdown/enhance';
import { IncrementalMarkdown, type Block } from '../markdown/incremental';
import { sanitize } from '../markdown/sanitize';
import { copyText } from '../files/download';
import { strings } from '../i18n';
import { toast } from '../state/notices';

const BlockView = memo(({ block, growing }: { block: Block; growing: boolean }) => {
  const element = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    if (!element.current) return;
    element.current.innerHTML = block.html; // sanitized; a TrustedHTML where the browser has them
    enhance(element.current, growing);
  }, [block, growing]);
  return <div class="block" ref={element} />;
});

async function copyCode(event: Event): Promise<void> {
  const button = (event.target as HTMLElement).closest?.<HTMLButtonElement>('.copy-code');
  if (!button) return;
  const code = button.closest('.code')?.querySelector('code')?.textContent ?? '';
  if (!(await copyText(code.replace(/\n$/, '')))) return toast(strings.value.copyFailed);
  button.textContent = strings.value.copied;
  setTimeout(() => (button.textContent = strings.value.copy), 1600);
}

/** A Markdown text that may be growing. */
export function MarkdownView({ text, growing }: { text: string; growing: boolean }) {
  const reader = useRef<IncrementalMarkdown | undefined>(undefined);
  reader.current ??= new IncrementalMarkdown(sanitize);
  const blocks = reader.current.update(text, !growing);
  return (
    <div class="markdown" onClick={(event) => void copyCode(event)}>
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} growing={growing && index === blocks.length - 1} />
      ))}
    </div>
  );
}
