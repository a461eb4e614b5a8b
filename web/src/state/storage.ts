// Conversations kept in the browser. Messages are rows of their own, so that saving a growing answer writes one message, not
// the conversation. Where IndexedDB is missing (some private windows) everything lives until the page is closed.
import type { Conversation, MessageNode } from './tree';

type MessageRow = MessageNode & { conversation: string };

export interface Storage {
  /** Whether what is stored outlives the page. */
  readonly lasting: boolean;
  conversations(): Promise<Conversation[]>;
  messages(conversation: string): Promise<MessageNode[]>;
  put(conversation: Conversation, messages?: readonly MessageNode[]): Promise<void>;
  remove(conversation: string): Promise<void>;
  removeAll(): Promise<void>;
  /** Ids of the conversations with a message that contains the text, in any case. */
  search(text: string, signal: AbortSignal): Promise<Set<string>>;
}

const fold = (text: string) => text.normalize('NFC').toLowerCase();
const holds = (node: MessageNode, folded: string) =>
  fold(node.content).includes(folded) || (node.files ?? []).some((file) => fold(file.name).includes(folded));

function finished<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore('conversations', { keyPath: 'id' });
    const messages = request.result.createObjectStore('messages', { keyPath: ['conversation', 'id'] });
    messages.createIndex('conversation', 'conversation');
  };
  return finished(request);
}

export class BrowserStorage implements Storage {
  readonly lasting = true;

  private constructor(private db: IDBDatabase) {}

  static async open(name = 'jaju'): Promise<BrowserStorage> {
    const db = await open(name);
    db.onversionchange = () => db.close(); // a newer page in another tab wants to upgrade
    return new BrowserStorage(db);
  }

  conversations(): Promise<Conversation[]> {
    return finished(this.db.transaction('conversations').objectStore('conversations').getAll());
  }

  async messages(conversation: string): Promise<MessageNode[]> {
    const index = this.db.transaction('messages').objectStore('messages').index('conversation');
    const rows: MessageRow[] = await finished(index.getAll(conversation));
    return rows.map(({ conversation: _, ...node }) => node);
  }

  async put(conversation: Conversation, messages: readonly MessageNode[] = []): Promise<void> {
    const transaction = this.db.transaction(['conversations', 'messages'], 'readwrite');
    transaction.objectStore('conversations').put(conversation);
    const store = transaction.objectStore('messages');
    for (const node of messages) store.put({ ...node, conversation: conversation.id });
    await committed(transaction);
  }

  async remove(conversation: string): Promise<void> {
    const transaction = this.db.transaction(['conversations', 'messages'], 'readwrite');
    transaction.objectStore('conversations').delete(conversation);
    transaction.objectStore('messages').delete(IDBKeyRange.bound([conversation], [conversation, []]));
    await committed(transaction);
  }

  async removeAll(): Promise<void> {
    const transaction = this.db.transaction(['conversations', 'messages'], 'readwrite');
    transaction.objectStore('conversations').clear();
    transaction.objectStore('messages').clear();
    await committed(transaction);
  }

  search(text: string, signal: AbortSignal): Promise<Set<string>> {
    const folded = fold(text);
    const found = new Set<string>();
    const request = this.db.transaction('messages').objectStore('messages').openCursor();
    return new Promise((resolve, reject) => {
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (!cursor || signal.aborted) return resolve(found);
        const row = cursor.value as MessageRow;
        if (holds(row, folded)) {
          found.add(row.conversation);
          cursor.continue([row.conversation, []]); // past the rest of this conversation
        } else {
          cursor.continue();
        }
      };
    });
  }
}

export class MemoryStorage implements Storage {
  readonly lasting = false;
  private kept = new Map<string, { conversation: Conversation; nodes: Map<string, MessageNode> }>();

  async conversations(): Promise<Conversation[]> {
    return [...this.kept.values()].map((each) => each.conversation);
  }

  async messages(conversation: string): Promise<MessageNode[]> {
    return [...(this.kept.get(conversation)?.nodes.values() ?? [])];
  }

  async put(conversation: Conversation, messages: readonly MessageNode[] = []): Promise<void> {
    const nodes = this.kept.get(conversation.id)?.nodes ?? new Map<string, MessageNode>();
    for (const node of messages) nodes.set(node.id, node);
    this.kept.set(conversation.id, { conversation, nodes });
  }

  async remove(conversation: string): Promise<void> {
    this.kept.delete(conversation);
  }

  async removeAll(): Promise<void> {
    this.kept.clear();
  }

  async search(text: string): Promise<Set<string>> {
    const folded = fold(text);
    const found = new Set<string>();
    for (const [id, { nodes }] of this.kept) {
      if ([...nodes.values()].some((node) => holds(node, folded))) found.add(id);
    }
    return found;
  }
}

export async function openStorage(): Promise<Storage> {
  try {
    return await BrowserStorage.open();
  } catch {
    return new MemoryStorage();
  }
}
