import { Parser } from 'htmlparser2';
import {
  BLOCK_ELEMENTS,
  CELL_ELEMENTS,
  HIDDEN_ELEMENTS,
  MAX_NESTING,
} from '../../text/html/elements.ts';

/** Most links with a URL in the text, and the longest such URL. A URL may be as long as a page. */
const MAX_LINKS = 2_000;
const LONGEST_LINK = 500;
const MARKS = new Map([
  ['li', '- '],
  ['h1', '# '],
  ['h2', '## '],
  ['h3', '### '],
  ['h4', '#### '],
]);

/**
 * Converts an HTML page to the text that a person reads: title, headings, lists, table cells in one
 * line, and links with their URLs resolved against `from`. Returns null for a page that is nested
 * too deep.
 */
export function htmlToText(html: string, from: string): string | null {
  const page = new Page(from);
  const parser = new Parser(page, { decodeEntities: true });
  // in pieces, so that parsing stops early at a page that is nested too deep
  for (let at = 0; at < html.length && !page.isTooDeep; at += 4_096) {
    parser.write(html.slice(at, at + 4_096));
  }
  if (page.isTooDeep) return null;
  parser.end();
  return page.text();
}

class Page {
  isTooDeep = false;
  readonly #from: string;
  #linksLeft: number;
  readonly #lines: string[] = [];
  /** The pieces of the current line. They are joined once, because a line may be the whole page. */
  #line: string[] = [];
  /** True once the line has visible text. */
  #hasText = false;
  #title = '';
  #depth = 0;
  #inTitle = false;
  /** The number of open elements whose text is skipped. */
  #unread = 0;
  #preformatted = 0;
  #link: { href: string; at: number } | undefined;

  constructor(from: string) {
    this.#from = from;
    this.#linksLeft = from.length > LONGEST_LINK ? 0 : MAX_LINKS;
  }

  onopentag(name: string, attributes: Record<string, string>): void {
    this.#depth += 1;
    this.isTooDeep ||= this.#depth > MAX_NESTING;
    if (name === 'title' && this.#title === '') this.#inTitle = true;
    if (HIDDEN_ELEMENTS.has(name)) this.#unread += 1;
    if (this.#unread > 0) return;
    if (BLOCK_ELEMENTS.has(name)) this.#break();
    if (name === 'pre') this.#preformatted += 1;
    if (CELL_ELEMENTS.has(name) && this.#hasText) this.#say(' | ');
    this.#line.push(MARKS.get(name) ?? '');
    if (name === 'img' && attributes.alt) this.#say(`[${attributes.alt}]`);
    if (name === 'a') this.#link = { href: attributes.href ?? '', at: this.#line.length };
  }

  onclosetag(name: string): void {
    this.#depth -= 1;
    if (name === 'title') this.#inTitle = false;
    if (HIDDEN_ELEMENTS.has(name)) this.#unread = Math.max(0, this.#unread - 1);
    if (this.#unread > 0) return;
    if (name === 'a') this.#leaveLink();
    if (BLOCK_ELEMENTS.has(name)) this.#break();
    if (name === 'pre') this.#preformatted = Math.max(0, this.#preformatted - 1);
  }

  ontext(text: string): void {
    if (this.#inTitle) this.#title += text;
    else if (this.#unread > 0) return;
    else this.#say(this.#preformatted > 0 ? text : text.replace(/\s+/g, ' '));
  }

  text(): string {
    this.#break();
    const body = this.#lines.join('\n');
    const title = this.#title.replace(/\s+/g, ' ').trim();
    return [title, body].filter((part) => part !== '').join('\n\n');
  }

  #say(text: string): void {
    this.#line.push(text);
    this.#hasText ||= text.trim() !== '';
  }

  #leaveLink(): void {
    const link = this.#link;
    this.#link = undefined;
    if (!link || this.#linksLeft === 0 || !/^[^#]/.test(link.href)) return;
    if (link.href.length > LONGEST_LINK) return;
    this.#linksLeft -= 1;
    const url = URL.parse(link.href, this.#from);
    if (!url || !/^https?:$/.test(url.protocol) || url.href.length > LONGEST_LINK) return;
    const said = this.#line.slice(link.at).join('').trim();
    if (said !== '' && said !== url.href) this.#say(` (${url.href})`);
  }

  #break(): void {
    if (this.#hasText) {
      const line = this.#line.join('');
      this.#lines.push(this.#preformatted > 0 ? line.trimEnd() : line.replace(/ +/g, ' ').trim());
    }
    this.#line = [];
    this.#hasText = false;
    if (this.#link) this.#link.at = 0;
  }
}
