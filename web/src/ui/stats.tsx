import { strings } from '../i18n';
import type { Live } from '../state/run';
import type { AnswerStats } from '../state/tree';

function Figures({ parts, title }: { parts: (string | undefined | false)[]; title?: string }) {
  const shown = parts.filter((part): part is string => Boolean(part));
  if (shown.length === 0) return null;
  return (
    <p class="stats" aria-label={strings.value.statsLabel} title={title}>
      {shown.map((part) => <span key={part}>{part}</span>)}
    </p>
  );
}

/** Speed and size of a finished answer, with what the prefix cache saved. */
export function StatsLine({ stats }: { stats: AnswerStats }) {
  const t = strings.value;
  const { usage, timings } = stats;
  const rate = timings?.tokensPerSecond ?? stats.tokensPerSecond;
  const first = timings?.firstTokenMs ?? stats.firstTokenMs;
  return (
    <Figures
      title={usage?.cacheNote}
      parts={[
        rate !== undefined && t.rate(rate),
        usage && t.tokens(usage.completionTokens) + (usage.reasoningTokens ? ` (${t.reasoningTokens(usage.reasoningTokens)})` : ''),
        first !== undefined && t.firstToken(t.seconds(first / 1000)),
        usage && t.prompt(usage.promptTokens) + (usage.cachedTokens !== undefined ? ` (${t.cached(usage.cachedTokens)})` : ''),
      ]}
    />
  );
}

export function LiveStats({ live }: { live: Live }) {
  const t = strings.value;
  return (
    <Figures
      parts={[
        live.tokensPerSecond !== undefined && t.rate(live.tokensPerSecond),
        live.pieces > 0 && t.tokens(live.pieces),
        live.firstTokenMs !== undefined && t.firstToken(t.seconds(live.firstTokenMs / 1000)),
      ]}
    />
  );
}
