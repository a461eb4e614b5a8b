// Markdown of a text that grows. Blocks that can not change any more are kept as they are, and only the tail is read again;
// so the cost of one step depends on the last block, not on the whole answer.
import { lex, toHtml, type Links } from './markdown';

export interface Block {
  raw: string;
  html: string; // sanitized
}

export class IncrementalMarkdown {
  private settled: Block[] = [];
  private settledText = '';
  private links: Links = {};
  private tail: Block[] = [];

  constructor(private sanitize: (html: string) => string) {}

  /** The blocks of `text`. Blocks that did not change are the same objects as before. `done`: nothing will follow. */
  update(text: string, done: boolean): readonly Block[] {
    const source = text.replace(/\r\n?/g, '\n');
    if (!source.startsWith(this.settledText)) this.reset();
    const rest = source.slice(this.settledText.length);
    const tokens = lex(rest, this.links);
    if (done && Object.keys(tokens.links).length > 0 && this.settled.length > 0) {
      // A link may have been used above its definition: read everything once more, knowing all of them.
      this.reset();
      this.links = { ...tokens.links };
      return this.update(text, false);
    }
    const blocks = tokens.filter((token) => token.type !== 'space' && token.type !== 'def');
    const last = blocks[blocks.length - 1];
    const fresh: Block[] = [];
    let at = 0;
    let settledHere = 0;
    let settledLength = 0;
    for (const token of tokens) {
      if (token === last) {
        settledHere = fresh.length;
        settledLength = at;
      }
      at += token.raw.length;
      if (token.type === 'space' || token.type === 'def') continue;
      const known = this.tail[fresh.length];
      fresh.push(known?.raw === token.raw ? known : { raw: token.raw, html: this.sanitize(toHtml([token])) });
    }
    if (at === rest.length && settledHere > 0) {
      this.settled = [...this.settled, ...fresh.slice(0, settledHere)];
      this.settledText += rest.slice(0, settledLength);
      this.links = { ...tokens.links };
    } else {
      settledHere = 0;
    }
    this.tail = fresh.slice(settledHere);
    return [...this.settled, ...this.tail];
  }

  private reset(): void {
    this.settled = [];
    this.settledText = '';
    this.links = {};
    this.tail = [];
  }
}
