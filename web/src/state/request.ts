// From a path of messages to the body of a request.
import type { ChatBody } from '../api/client';
import { filesAsText } from '../files/attach';
import type { Sampling } from './sampling';
import type { Conversation, MessageNode } from './tree';

function samplingFields(sampling: Sampling): ChatBody {
  const { max_tokens, ...others } = sampling;
  return { ...others, ...(max_tokens !== undefined ? { max_completion_tokens: max_tokens } : {}) };
}

/** Messages as the API takes them. Answers that never began are left out, together with nothing else. */
export function apiMessages(
  system: string,
  path: readonly MessageNode[],
): { role: string; content: string }[] {
  const messages: { role: string; content: string }[] = [];
  if (system.trim() !== '') messages.push({ role: 'system', content: system });
  for (const node of path) {
    if (node.role === 'user')
      messages.push({ role: 'user', content: filesAsText(node.files ?? [], node.content) });
    else if (node.content !== '') messages.push({ role: 'assistant', content: node.content });
  }
  return messages;
}

export function requestBody(
  conversation: Conversation,
  path: readonly MessageNode[],
  model: string,
): ChatBody {
  const { thinking_budget, ...sampling } = conversation.sampling;
  return {
    ...(model ? { model } : {}),
    messages: apiMessages(conversation.system, path),
    stream: true,
    stream_options: { include_usage: true },
    return_progress: true,
    chat_template_kwargs: { enable_thinking: conversation.think },
    ...samplingFields(sampling),
    ...(thinking_budget !== undefined && conversation.think ? { thinking_budget } : {}),
  };
}
