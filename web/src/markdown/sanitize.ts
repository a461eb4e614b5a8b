// The last gate before HTML enters the page: DOMPurify with a short list of what our Markdown makes. With trusted types on
// (web/csp.txt) its result is the only thing the browser takes as HTML.
import createPurifier from 'dompurify';

const TAGS = [
  'a',
  'blockquote',
  'br',
  'code',
  'del',
  'div',
  'em',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'hr',
  'input',
  'kbd',
  'li',
  'mark',
  'ol',
  'p',
  'pre',
  'span',
  'strong',
  'sub',
  'sup',
  'table',
  'tbody',
  'td',
  'th',
  'thead',
  'tr',
  'u',
  'ul',
];
const ATTRIBUTES = [
  'align',
  'checked',
  'class',
  'disabled',
  'href',
  'rel',
  'start',
  'target',
  'title',
  'type',
];

const purifier = createPurifier(window);

purifier.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    if (!node.hasAttribute('href')) return;
    node.setAttribute('rel', 'noopener noreferrer nofollow');
    node.setAttribute('target', '_blank');
    node.setAttribute('title', node.getAttribute('href') ?? ''); // where it really goes
  } else if (node.tagName === 'INPUT') {
    node.setAttribute('disabled', '');
    node.setAttribute('type', 'checkbox');
  }
});

export function sanitize(html: string): string {
  // A TrustedHTML where the browser has them, a string elsewhere; both may be assigned to innerHTML.
  return purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ADD_URI_SAFE_ATTR: ['align', 'checked', 'disabled', 'start', 'type'], // no addresses, so the next line is not about them
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_TRUSTED_TYPE: true,
  }) as unknown as string;
}
