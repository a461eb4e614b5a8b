// Markdown to HTML. HTML in the text is shown as text, save for a few harmless tags without attributes; what comes out still
// goes through sanitize.ts before the page sees it.
import { Marked, type Token, type TokensList } from 'marked';
import { blockMath, inlineMath, maskMath } from './math';

const escapeHtml = (text: string) =>
  text.replace(
    /[&<>"']/g,
    (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' })[c]!,
  );

const PLAIN_TAG = /^<\/?(?:br|sub|sup|kbd|mark|u)\s*\/?>/i;

/** HTML of the text's author: every `<` that does not begin a plain tag is written out. */
function authorHtml(raw: string): string {
  return raw.replace(/</g, (_, at: number) => (PLAIN_TAG.test(raw.slice(at, at + 12)) ? '<' : '&lt;'));
}

const marked = new Marked({
  gfm: true,
  breaks: false,
  extensions: [blockMath, inlineMath],
  hooks: { emStrongMask: maskMath },
  renderer: {
    html: ({ text }) => authorHtml(text),
    // Images would be fetched from wherever the text says: the reader gets the link instead.
    image({ href, text, tokens }) {
      const label = escapeHtml(tokens ? this.parser.parseInline(tokens, this.parser.textRenderer) : text);
      return `<a href="${escapeHtml(href)}">${label || escapeHtml(href)}</a>`;
    },
    code({ text, lang }) {
      const language = /^[\w+#.-]{1,30}/.exec(lang ?? '')?.[0] ?? '';
      const tag = language ? ` class="language-${escapeHtml(language.toLowerCase())}"` : '';
      return `<pre><code${tag}>${escapeHtml(text)}\n</code></pre>`;
    },
    table(token) {
      const cells = (row: typeof token.header, tag: string) =>
        row
          .map(
            (cell) =>
              `<${tag}${cell.align ? ` align="${cell.align}"` : ''}>${this.parser.parseInline(cell.tokens)}</${tag}>`,
          )
          .join('');
      const rows = token.rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
      return `<div class="table"><table><thead><tr>${cells(token.header, 'th')}</tr></thead><tbody>${rows}</tbody></table></div>`;
    },
    checkbox: ({ checked }) => `<input type="checkbox" disabled${checked ? ' checked' : ''}> `,
  },
});

export type Links = TokensList['links'];

/** The blocks of a text. `links`: definitions seen in earlier parts of it. Line ends must be LF. */
export function lex(text: string, links: Links = {}): TokensList {
  const lexer = new marked.Lexer(marked.defaults);
  Object.assign(lexer.tokens.links, links);
  return lexer.lex(text) as TokensList;
}

/** HTML of some blocks of one lex(); not safe yet. */
export function toHtml(tokens: Token[]): string {
  return marked.parser(tokens as TokensList);
}
