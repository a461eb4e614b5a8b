import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { strings } from '../i18n';
import { loadModels } from '../state/actions';
import { conversation, path, run, server } from '../state/store';
import { Answer } from './answer';
import { Empty } from './empty';
import { FailureBox } from './failure_box';
import { IconButton } from './icon_button';
import { Question } from './question';

const FIRST = 40; // messages shown of a long conversation; more as the reader scrolls up
const NEAR_END_PX = 60;

/** How many of the last messages are on the page; grows when its top comes near. */
function useWindow(
  root: { current: HTMLElement | null },
  top: { current: HTMLElement | null },
  id: string,
  count: number,
) {
  const [shown, setShown] = useState({ id, count: FIRST });
  const current = shown.id === id ? shown.count : FIRST;
  const before = useRef<number | undefined>(undefined);
  useEffect(() => {
    if (!top.current || current >= count) return;
    const observer = new IntersectionObserver(
      ([entry]) => {
        if (!entry?.isIntersecting || !root.current) return;
        before.current = root.current.scrollHeight - root.current.scrollTop;
        setShown({ id, count: current + FIRST });
      },
      { root: root.current, rootMargin: '600px 0px 0px' },
    );
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [id, current, count]);
  useLayoutEffect(() => {
    // What the reader looks at stays where it is when more appears above it.
    if (before.current === undefined || !root.current) return;
    root.current.scrollTop = root.current.scrollHeight - before.current;
    before.current = undefined;
  }, [current]);
  return current;
}

/** Follows the end while the reader is there; returns whether he is, and how to go there. */
function useFollow(
  root: { current: HTMLElement | null },
  content: { current: HTMLElement | null },
  id: string,
  count: number,
) {
  const [atEnd, setAtEnd] = useState(true);
  const follows = useRef(true);
  const toEnd = () => {
    const element = root.current;
    if (!element) return;
    follows.current = true;
    element.scrollTop = element.scrollHeight;
  };
  useLayoutEffect(toEnd, [id, count]); // another conversation, or a new message
  useEffect(() => {
    const element = root.current;
    if (!element || !content.current) return;
    let last = element.scrollTop;
    const onScroll = () => {
      const end = element.scrollHeight - element.clientHeight - element.scrollTop < NEAR_END_PX;
      // Only the reader scrolls up; the page itself only goes down.
      if (end) follows.current = true;
      else if (element.scrollTop < last) follows.current = false;
      last = element.scrollTop;
      setAtEnd(end);
    };
    // What the reader unfolds shall stay where it is.
    const letGo = () => {
      if (!run.value) follows.current = false;
    };
    const observer = new ResizeObserver(() => {
      if (follows.current) element.scrollTop = element.scrollHeight;
      onScroll();
    });
    observer.observe(content.current);
    observer.observe(element);
    element.addEventListener('scroll', onScroll, { passive: true });
    element.addEventListener('click', letGo, { capture: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', onScroll);
      element.removeEventListener('click', letGo, { capture: true });
    };
  }, []);
  return { atEnd, toEnd };
}

export function Thread() {
  const t = strings.value;
  const root = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const { id } = conversation.value;
  const messages = path.value;
  const running = run.value;
  const shown = useWindow(root, top, id, messages.length);
  const { atEnd, toEnd } = useFollow(root, content, id, messages.length);
  const first = Math.max(0, messages.length - shown);
  const failed = server.value.state === 'failed' ? server.value.failure : undefined;
  // A failed answer shows its failure itself.
  const banner = failed && messages[messages.length - 1]?.state !== 'failed' ? failed : undefined;
  return (
    <div class="thread-frame">
      <div class="thread" ref={root} role="log" aria-live="off" aria-label={t.messages} tabIndex={0}>
        <div class="thread-content" ref={content}>
          {banner && <FailureBox failure={banner} retry={() => void loadModels()} />}
          {messages.length === 0 ? (
            !banner && <Empty />
          ) : (
            <>
              <div ref={top} class="earlier" hidden={first === 0}>
                {t.earlier}
              </div>
              {messages
                .slice(first)
                .map((node) =>
                  node.role === 'user' ? (
                    <Question key={node.id} node={node} busy={running !== undefined} />
                  ) : (
                    <Answer
                      key={node.id}
                      node={node}
                      busy={running !== undefined}
                      run={running?.node === node.id ? running : undefined}
                    />
                  ),
                )}
            </>
          )}
        </div>
      </div>
      {!atEnd && messages.length > 0 && (
        <IconButton class="to-end" icon="down" label={t.jumpToEnd} onClick={toEnd} />
      )}
    </div>
  );
}
