import { strings } from '../i18n';
import type { ToolCall } from '../state/tree';
import { Icon } from './icons';

function pretty(args: string): string {
  try {
    return JSON.stringify(JSON.parse(args), null, 2);
  } catch {
    return args; // still coming, or not JSON
  }
}

/** What the model asked a program to do. The page shows it and runs nothing. */
export function ToolCalls({ calls }: { calls: readonly ToolCall[] }) {
  return (
    <div class="tool-calls">
      {calls.map((call, index) => (
        <details key={index} class="tool-call">
          <summary>
            <Icon name="tool" />
            <span>{strings.value.toolCall(call.name)}</span>
            <Icon name="chevron" />
          </summary>
          <pre tabIndex={0}>{pretty(call.args)}</pre>
          <p class="hint">{strings.value.toolNote}</p>
        </details>
      ))}
    </div>
  );
}
