import { memo } from 'preact/compat';
import { strings } from '../i18n';
import { regenerate } from '../state/actions';
import type { Run } from '../state/run';
import type { MessageNode } from '../state/tree';
import { CopyButton } from './copy_button';
import { FailureBox } from './failure_box';
import { IconButton } from './icon_button';
import { MarkdownView } from './markdown_view';
import { LiveStats, StatsLine } from './stats';
import { Thinking } from './thinking';
import { ToolCalls } from './tool_calls';
import { VersionPicker } from './version_picker';

/** An answer that is coming. Only this part of the page follows the stream. */
function LiveAnswer({ run }: { run: Run }) {
  const t = strings.value;
  const live = run.live.value;
  const { prefill } = live;
  return (
    <>
      {live.pieces === 0 && (
        <p class="waiting">
          <span class="dots" aria-hidden="true"><i /><i /><i /></span>
          {prefill ? t.reading(Math.floor((100 * prefill.done) / prefill.total)) : t.waiting}
        </p>
      )}
      {live.reasoning && <Thinking text={live.reasoning} ms={live.reasoningMs} active={live.thinking} />}
      {live.content && <MarkdownView text={live.content} growing />}
      {live.toolCalls.length > 0 && <ToolCalls calls={live.toolCalls} />}
      <footer class="actions"><LiveStats live={live} /></footer>
    </>
  );
}

function DoneAnswer({ node, busy }: { node: MessageNode; busy: boolean }) {
  const t = strings.value;
  return (
    <>
      {node.reasoning && <Thinking text={node.reasoning} ms={node.reasoningMs ?? 0} active={false} />}
      {node.content && <MarkdownView text={node.content} growing={false} />}
      {node.toolCalls && <ToolCalls calls={node.toolCalls} />}
      {node.state === 'length' && <p class="note">{t.limit}</p>}
      {node.state === 'stopped' && <p class="note">{t.stoppedNote}</p>}
      {node.state === 'failed' && node.failure && <FailureBox failure={node.failure} retry={() => regenerate(node.id)} />}
      <footer class="actions">
        <VersionPicker node={node} disabled={busy} />
        <CopyButton text={() => node.content} />
        <IconButton icon="again" label={t.regenerate} disabled={busy} onClick={() => regenerate(node.id)} />
        {node.stats && <StatsLine stats={node.stats} />}
      </footer>
    </>
  );
}

interface Props {
  node: MessageNode;
  busy: boolean;
  run: Run | undefined; // of this answer, while it is coming
}

export const Answer = memo(({ node, busy, run }: Props) => (
  <article class={`message answer ${run ? 'live' : ''}`} aria-label={strings.value.assistant} aria-busy={run !== undefined} data-id={node.id}>
    {run ? <LiveAnswer run={run} /> : <DoneAnswer node={node} busy={busy} />}
  </article>
));
