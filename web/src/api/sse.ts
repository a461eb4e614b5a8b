// Server-sent events from bytes, as the HTML standard reads them: lines end in LF, CR or CRLF, "data" fields of one event are
// joined with LF, comments (the server's keep-alives) are dropped. However the bytes are cut, the events are the same
// (sse.test.ts tries every cut).

export interface SseEvent {
  event: string; // "message" where the server names none
  data: string;
}

/** Longest event we are ready to hold; a server that sends more is not one we understand. */
const MAX_EVENT_CHARS = 32 * 1024 * 1024;

export class SseParser {
  private decoder = new TextDecoder('utf-8');
  private line = '';
  private afterCr = false; // an LF that follows belongs to the CR that ended the last line
  private data: string[] = [];
  private event = '';
  private held = 0;

  /** Takes the next bytes and returns the events they complete. */
  push(bytes: Uint8Array): SseEvent[] {
    return this.pushText(this.decoder.decode(bytes, { stream: true }));
  }

  /** Whether the stream stopped inside an event. */
  get unfinished(): boolean {
    return this.line !== '' || this.data.length > 0;
  }

  private pushText(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    let start = 0;
    for (let i = 0; i < text.length; ++i) {
      const c = text.charCodeAt(i);
      if (c !== 10 && c !== 13) {
        this.afterCr = false;
        continue;
      }
      if (c === 10 && this.afterCr) {
        this.afterCr = false;
        start = i + 1;
        continue;
      }
      this.afterCr = c === 13;
      this.endLine(this.line + text.slice(start, i), events);
      this.line = '';
      start = i + 1;
    }
    this.line += text.slice(start);
    if (this.line.length + this.held > MAX_EVENT_CHARS)
      throw new Error('the server sent an event that is too long');
    return events;
  }

  private endLine(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data.length > 0) events.push({ event: this.event || 'message', data: this.data.join('\n') });
      this.data = [];
      this.event = '';
      this.held = 0;
      return;
    }
    if (line.startsWith(':')) return;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') {
      this.data.push(value);
      this.held += value.length;
    } else if (field === 'event') {
      this.event = value;
    }
  }
}
