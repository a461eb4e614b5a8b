import { useSignal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { exportConversation } from '../files/actions';
import { strings } from '../i18n';
import { deleteConversation, newChat, openConversation, rename } from '../state/actions';
import { conversation, conversations, runs, storage } from '../state/store';
import type { Conversation } from '../state/tree';
import { IconButton } from './icon_button';
import { Icon } from './icons';
import { Menu } from './menu';
import { drawerOpen, focusComposer, helpOpen, settingsOpen } from './state';
import { byTouch, isComposing } from './text_area';

const DAY = 24 * 60 * 60 * 1000;

function groups(list: readonly Conversation[]): [string, Conversation[]][] {
  const t = strings.value;
  const midnight = new Date().setHours(0, 0, 0, 0);
  const limits: [string, number][] = [
    [t.today, midnight],
    [t.yesterday, midnight - DAY],
    [t.week, midnight - 7 * DAY],
    [t.older, -Infinity],
  ];
  return limits
    .map(([name, from], index): [string, Conversation[]] => {
      const to = index === 0 ? Infinity : limits[index - 1]![1];
      return [name, list.filter((each) => each.updated >= from && each.updated < to)];
    })
    .filter(([, members]) => members.length > 0);
}

/** Conversations whose title or messages hold the text. */
function useSearch(query: string): readonly Conversation[] {
  const inMessages = useSignal<ReadonlySet<string>>(new Set());
  useEffect(() => {
    inMessages.value = new Set();
    // A letter would be in every message, a syllable is a word.
    if (query.trim().length < 2 && !/[^\u0000-\u024f]/.test(query)) return;
    const controller = new AbortController();
    const timer = setTimeout(async () => {
      const found = await storage.value
        .search(query.trim(), controller.signal)
        .catch(() => new Set<string>());
      if (!controller.signal.aborted) inMessages.value = found;
    }, 200);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [query]);
  if (query.trim() === '') return conversations.value;
  const wanted = query.trim().normalize('NFC').toLowerCase();
  return conversations.value.filter(
    (each) => each.title.normalize('NFC').toLowerCase().includes(wanted) || inMessages.value.has(each.id),
  );
}

/** Of its own name, so that it is called when the field comes, and not at every change around it. */
const selectOnce = (input: HTMLInputElement | null) => input?.select();

function Entry({ item }: { item: Conversation }) {
  const t = strings.value;
  const [renaming, setRenaming] = useState(false);
  const entry = useRef<HTMLLIElement>(null);
  const focusNext = useRef(false);
  useEffect(() => {
    if (renaming || !focusNext.current) return;
    focusNext.current = false;
    entry.current?.querySelector<HTMLElement>('.open')?.focus();
  }, [renaming]);
  // With its new name it may not be what was searched for any more.
  useEffect(() => () => void (focusNext.current && document.getElementById('search')?.focus()), []);
  const current = item.id === conversation.value.id;
  const title = item.title || t.untitled;
  if (renaming) {
    // Leaving the field ends it, and so does its going away: only the first end counts.
    let open = true;
    const end = (title: string | undefined) => {
      if (!open) return;
      open = false;
      setRenaming(false);
      if (title !== undefined) rename(item.id, title);
    };
    return (
      <li class="entry" ref={entry}>
        <input
          class="rename"
          aria-label={t.renameLabel}
          defaultValue={item.title}
          ref={selectOnce}
          onBlur={(event) => end(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (isComposing(event)) return;
            if (event.key !== 'Enter' && event.key !== 'Escape') return;
            focusNext.current = true;
            end(event.key === 'Enter' ? event.currentTarget.value : undefined);
            event.stopPropagation();
          }}
        />
      </li>
    );
  }
  const open = () => {
    drawerOpen.value = false;
    void openConversation(item.id);
  };
  const remove = () => {
    // The focus goes to a neighbour, not away with the entry.
    const all = [...document.querySelectorAll<HTMLElement>('.entry')];
    const at = all.indexOf(entry.current!);
    const neighbour = all[at + 1] ?? all[at - 1];
    if (neighbour) neighbour.querySelector<HTMLElement>('.open')?.focus();
    else if (!byTouch()) focusComposer();
    void deleteConversation(item.id);
  };
  return (
    <li class={`entry ${current ? 'current' : ''}`} ref={entry}>
      <button
        type="button"
        class="open"
        aria-current={current ? 'page' : undefined}
        title={title}
        onClick={open}
      >
        {runs.value.has(item.id) && <span class="running" aria-hidden="true" />}
        <span>{title}</span>
      </button>
      <Menu
        label={`${t.more}: ${title}`}
        items={[
          { label: t.rename, run: () => setRenaming(true) },
          { label: t.exportMarkdown, run: () => void exportConversation(item.id, 'markdown') },
          { label: t.exportJson, run: () => void exportConversation(item.id, 'json') },
          { label: t.remove, run: remove, danger: true },
        ]}
      />
    </li>
  );
}

export function startNewChat(): void {
  drawerOpen.value = false;
  newChat();
  if (!byTouch()) focusComposer();
}

/** Arrow keys walk through the list. */
function moveFocus(event: KeyboardEvent): void {
  if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
  const all = [...(event.currentTarget as HTMLElement).querySelectorAll<HTMLElement>('#search, .open')];
  const at = all.indexOf(document.activeElement as HTMLElement);
  if (at < 0) return;
  event.preventDefault();
  all[Math.min(all.length - 1, Math.max(0, at + (event.key === 'ArrowDown' ? 1 : -1)))]?.focus();
}

export function Sidebar() {
  const t = strings.value;
  const [query, setQuery] = useState('');
  const list = useRef<HTMLElement>(null);
  const found = useSearch(query);
  return (
    <nav class="sidebar" ref={list} aria-label={t.conversations} onKeyDown={moveFocus}>
      <div class="sidebar-head">
        <span class="wordmark" lang="en">
          jaju
        </span>
        <IconButton icon="plus" label={t.newChat} onClick={startNewChat} />
      </div>
      <label class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder={t.search}
          aria-label={t.searchLabel}
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Escape' || query === '' || isComposing(event)) return;
            setQuery('');
            event.preventDefault();
            event.stopPropagation(); // else it would stop the answer that is coming
          }}
        />
      </label>
      <div class="entries">
        {found.length === 0 && <p class="hint">{query ? t.noMatches : t.noConversations}</p>}
        {groups(found).map(([name, members]) => (
          <section key={name}>
            <h2>{name}</h2>
            <ul>
              {members.map((item) => (
                <Entry key={item.id} item={item} />
              ))}
            </ul>
          </section>
        ))}
      </div>
      <div class="sidebar-foot">
        <button type="button" onClick={() => (settingsOpen.value = true)}>
          <Icon name="settings" />
          {t.settings}
        </button>
        <IconButton icon="help" label={t.help} onClick={() => (helpOpen.value = true)} />
      </div>
    </nav>
  );
}
