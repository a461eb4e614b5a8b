import { memo } from 'preact/compat';
import { strings } from '../i18n';
import { regenerate } from '../state/actions';
import type { Live, Run } from '../state/run';
import type { MessageNode } from '../state/tree';
import { CopyButton } from './copy_button';
import { FailureBox } from './failure_box';
import { IconButton } from './icon_button';
import { MarkdownView } from './markdown_view';
import { LiveStats, StatsLine } from './stats';
import { Thinking } from './thinking';
import { ToolCalls } from './tool_calls';
import { VersionPicker } from './version_picker';

function Waiting({ prefill }: Pick<Live, 'prefill'>) {
  const t = strings.value;
  return (
    <p class="waiting">
      <span class="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      {prefill ? t.reading(Math.floor((100 * prefill.done) / prefill.total)) : t.waiting}
    </p>
  );
}

function Actions({ node, busy }: { node: MessageNode; busy: boolean }) {
  return (
    <>
      <VersionPicker node={node} disabled={busy} />
      <CopyButton text={() => node.content} />
      <IconButton
        icon="again"
        label={strings.value.regenerate}
        disabled={busy}
        onClick={() => regenerate(node.id)}
      />
      <StatsLine node={node} />
    </>
  );
}

interface Props {
  node: MessageNode;
  busy: boolean;
  run: Run | undefined; // of this answer, while it is coming
}

/**
 * An answer. While it comes, this is the only part of the page that follows the stream; when it is complete the same elements
 * stay, so that nothing moves and a selection survives.
 */
export const Answer = memo(({ node, busy, run }: Props) => {
  const t = strings.value;
  const live = run?.live.value;
  const { content, reasoning, reasoningMs, toolCalls } = live ?? node;
  return (
    <article
      class={`message answer ${live ? 'live' : ''}`}
      aria-label={t.assistant}
      aria-busy={live !== undefined}
      data-id={node.id}
    >
      {live?.pieces === 0 && <Waiting prefill={live.prefill} />}
      {reasoning && (
        <Thinking
          key="thinking"
          id={node.id}
          text={reasoning}
          ms={reasoningMs ?? 0}
          active={live?.thinking ?? false}
        />
      )}
      {content && <MarkdownView key="content" text={content} growing={live !== undefined} />}
      {toolCalls && toolCalls.length > 0 && <ToolCalls key="tools" calls={toolCalls} />}
      {!live && node.state === 'done' && !content && !toolCalls?.length && <p class="note">{t.noAnswer}</p>}
      {!live && node.state === 'length' && <p class="note">{t.limit}</p>}
      {!live && node.state === 'stopped' && <p class="note">{t.stoppedNote}</p>}
      {!live && node.failure && <FailureBox failure={node.failure} retry={() => regenerate(node.id)} />}
      <footer key="actions" class="actions">
        {live ? <LiveStats live={live} /> : <Actions node={node} busy={busy} />}
      </footer>
    </article>
  );
});
