import { strings } from '../i18n';
import type { Live } from '../state/run';
import type { MessageNode } from '../state/tree';

type Parts = (string | undefined | false)[];

const shown = (parts: Parts) => parts.filter((part): part is string => Boolean(part));
const spans = (parts: Parts) => shown(parts).map((part) => <span key={part}>{part}</span>);

/** Speed and size of a finished answer, with what the prefix cache saved; more when it is opened. */
export function StatsLine({ node }: { node: MessageNode }) {
  const t = strings.value;
  const { usage, timings, ...measured } = node.stats ?? {};
  const rate = timings?.tokensPerSecond ?? measured.tokensPerSecond;
  const first = timings?.firstTokenMs ?? measured.firstTokenMs;
  const figures = shown([
    rate !== undefined && t.rate(rate),
    usage &&
      t.tokens(usage.completionTokens) +
        (usage.reasoningTokens ? ` (${t.reasoningTokens(usage.reasoningTokens)})` : ''),
    first !== undefined && t.firstToken(t.seconds(first / 1000)),
    usage &&
      t.prompt(usage.promptTokens) +
        (usage.cachedTokens !== undefined ? ` (${t.cached(usage.cachedTokens)})` : ''),
  ]);
  if (figures.length === 0) return null;
  const more = shown([
    timings?.promptPerSecond ? t.promptRate(t.rate(timings.promptPerSecond)) : undefined,
    timings?.queueMs !== undefined && timings.queueMs >= 100 && t.queued(t.seconds(timings.queueMs / 1000)),
    usage?.cacheNote && t.cacheNote(usage.cacheNote),
    node.model,
    new Date(node.created).toLocaleString(t.locale),
  ]);
  return (
    <details class="stats">
      <summary aria-label={`${t.statsLabel}: ${figures.join(', ')}`}>{spans(figures)}</summary>
      <p>{spans(more)}</p>
    </details>
  );
}

export function LiveStats({ live }: { live: Live }) {
  const t = strings.value;
  return (
    <p class="stats live-stats" aria-label={t.statsLabel}>
      {spans([
        live.tokensPerSecond !== undefined && t.rate(live.tokensPerSecond),
        live.pieces > 0 && t.tokens(live.pieces),
        live.firstTokenMs !== undefined && t.firstToken(t.seconds(live.firstTokenMs / 1000)),
      ])}
    </p>
  );
}
