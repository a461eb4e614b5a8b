// Export, import and attaching, as the page's buttons use them.
import { loadConversations } from '../state/keep';
import { toast } from '../state/notices';
import { conversations, newId, storage } from '../state/store';
import type { AttachedFile } from '../state/tree';
import { strings } from '../i18n';
import { MAX_TOTAL_BYTES, readFile } from './attach';
import { download, fileName } from './download';
import { fromJson, MAX_IMPORT_BYTES, toJson, toMarkdown, type WholeConversation } from './transfer';

async function whole(id: string): Promise<WholeConversation | undefined> {
  const conversation = conversations.value.find((each) => each.id === id);
  return conversation && { conversation, messages: await storage.value.messages(id) };
}

export async function exportConversation(id: string, as: 'json' | 'markdown'): Promise<void> {
  const found = await whole(id);
  if (!found) return;
  const { title } = found.conversation;
  if (as === 'json') download(fileName(title, 'json'), 'application/json', toJson([found]));
  else download(fileName(title, 'md'), 'text/markdown', toMarkdown(found, strings.value));
}

export async function exportAll(): Promise<void> {
  const all: WholeConversation[] = [];
  for (const conversation of conversations.value) {
    all.push({ conversation, messages: await storage.value.messages(conversation.id) });
  }
  download(
    fileName(`jaju ${new Date().toISOString().slice(0, 10)}`, 'json'),
    'application/json',
    toJson(all),
  );
}

export async function importFiles(files: Iterable<File>): Promise<void> {
  for (const file of files) {
    const read =
      file.size > MAX_IMPORT_BYTES ? undefined : fromJson(await file.text().catch(() => ''), newId);
    if (!read) {
      toast(strings.value.errors.importFailed(file.name));
      continue;
    }
    try {
      for (const { conversation, messages } of read) await storage.value.put(conversation, messages);
    } catch {
      toast(strings.value.errors.notSaved);
    }
    await loadConversations();
    toast(strings.value.imported(read.length));
  }
}

/** Adds the files that are text to `attached`; says of each other file why not. */
export async function attachFiles(
  files: Iterable<File>,
  attached: readonly AttachedFile[],
): Promise<AttachedFile[]> {
  const result = [...attached];
  for (const file of files) {
    const read = await readFile(file);
    if ('refusal' in read) {
      toast(strings.value.errors.file(file.name, read.refusal));
      continue;
    }
    const total = result.reduce((sum, each) => sum + each.text.length, read.text.length);
    if (total > MAX_TOTAL_BYTES) toast(strings.value.errors.file(file.name, 'total_too_large'));
    else result.push({ name: file.name, text: read.text });
  }
  return result;
}
