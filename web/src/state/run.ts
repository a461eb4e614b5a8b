// One answer while it comes: collects the events of a stream, keeps the clock, and shows its state to the page at a rate the
// page can follow.
import { signal, type Signal } from '@preact/signals';
import type { ChatEvent, Timings, Usage } from '../api/chat_events';
import type { ToolCall } from './tree';

export interface Live {
  content: string;
  reasoning: string;
  thinking: boolean; // the model is in its reasoning
  reasoningMs: number;
  toolCalls: readonly ToolCall[];
  pieces: number; // text events so far: our server sends one per token
  firstTokenMs?: number;
  tokensPerSecond?: number;
  prefill?: { done: number; total: number };
}

const EMPTY: Live = { content: '', reasoning: '', thinking: false, reasoningMs: 0, toolCalls: [], pieces: 0 };

/** Calls back with how long the browser took for its next frame; not at all where there are no frames. */
function timeNextFrame(done: (ms: number) => void): void {
  if (typeof requestAnimationFrame === 'undefined' || document.hidden) return;
  requestAnimationFrame(() => {
    const before = performance.now();
    const channel = new MessageChannel(); // its message comes right behind the frame
    channel.port1.onmessage = () => {
      channel.port1.close();
      done(performance.now() - before);
    };
    channel.port2.postMessage(null);
  });
}

export class Run {
  readonly live: Signal<Live> = signal(EMPTY);
  readonly controller = new AbortController();
  usage?: Usage;
  timings?: Timings;
  finish = '';

  private state: Live = EMPTY;
  private started: number;
  private firstAt = 0;
  private reasoningFrom = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastShown = 0;
  private renderMs = 0;

  /** `now` gives milliseconds; tests pass their own clock. */
  constructor(
    readonly conversation: string,
    readonly node: string,
    private now: () => number = () => performance.now(),
  ) {
    this.started = now();
  }

  take(event: ChatEvent): void {
    const now = this.now();
    const state = { ...this.state };
    switch (event.type) {
      case 'progress':
        state.prefill = { done: event.done, total: event.total };
        break;
      case 'reasoning':
        if (!state.thinking) this.reasoningFrom = now - state.reasoningMs;
        state.thinking = true;
        state.reasoning += event.text;
        this.count(state, now);
        break;
      case 'content':
        this.endThinking(state, now);
        state.content += event.text;
        this.count(state, now);
        break;
      case 'tool': {
        this.endThinking(state, now);
        const calls = [...state.toolCalls];
        const call = calls[event.index] ?? { id: '', name: '', args: '' };
        // A hole in the numbering would leave undefined behind; the next free place takes the call instead.
        calls[Math.min(event.index, calls.length)] = {
          id: event.id ?? call.id,
          name: call.name + (event.name ?? ''),
          args: call.args + (event.args ?? ''),
        };
        state.toolCalls = calls;
        this.count(state, now);
        break;
      }
      case 'finish':
        this.endThinking(state, now);
        this.finish = event.reason;
        break;
      case 'usage':
        this.usage = event.usage ?? this.usage;
        this.timings = event.timings ?? this.timings;
        break;
      case 'error':
        break; // the client throws these
    }
    if (state.thinking) state.reasoningMs = now - this.reasoningFrom;
    this.state = state;
    this.show();
  }

  /** Everything taken so far, shown or not. */
  get current(): Live {
    return this.state;
  }

  /** Stops the clock of the reasoning and shows the last state. */
  end(): Live {
    clearTimeout(this.timer);
    const state = { ...this.state };
    this.endThinking(state, this.now());
    this.state = state;
    this.live.value = state;
    return state;
  }

  private count(state: Live, now: number): void {
    ++state.pieces;
    if (state.firstTokenMs === undefined) {
      this.firstAt = now;
      state.firstTokenMs = now - this.started;
      state.prefill = undefined;
    } else if (now > this.firstAt) {
      state.tokensPerSecond = ((state.pieces - 1) * 1000) / (now - this.firstAt);
    }
  }

  private endThinking(state: Live, now: number): void {
    if (!state.thinking) return;
    state.thinking = false;
    state.reasoningMs = now - this.reasoningFrom;
  }

  // At most every 40 ms, and never so often that rendering takes more than a third of the time.
  private show(): void {
    if (this.timer !== undefined) return;
    const wait = Math.max(0, this.lastShown + Math.max(40, 3 * this.renderMs) - this.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      const before = this.now();
      this.live.value = this.state;
      // Signals render at the end of this turn of the event loop, the browser lays out in the next frame.
      queueMicrotask(() => {
        this.lastShown = this.now();
        this.renderMs = this.lastShown - before;
        timeNextFrame((ms) => (this.renderMs += ms));
      });
    }, wait);
  }
}
