const OPENING = '<think>';
const CLOSING = '</think>';

/**
 * Separates reasoning from the text of an answer: `<think>…</think>` at the head of the text. Model
 * servers without a parser for reasoning send it so. Takes the text in pieces.
 */
export class ThinkTags {
  #state: 'head' | 'thinking' | 'text' = 'head';
  /** Characters whose place is not known yet: a part of a tag, or blanks at the head. */
  #pending = '';
  #reasoning = '';
  /** True while blanks between the reasoning and the answer are left out. */
  #isAfterReasoning = false;

  /** The reasoning so far. */
  get reasoning(): string {
    return this.#reasoning;
  }

  /** Takes the next piece. Returns what of it, and of pieces before, belongs to the text. */
  push(piece: string): string {
    if (this.#state === 'text' && !this.#isAfterReasoning) return piece;
    this.#pending += piece;
    // a server may send a million blanks one by one
    if (this.#state === 'head' && piece.trimStart() !== '') this.#readHead();
    if (this.#state === 'thinking') this.#readReasoning();
    return this.#state === 'text' ? this.#takeText() : '';
  }

  /** Ends the text. Returns the rest of it. Reasoning whose tag is not closed is all of it. */
  end(): string {
    const rest = this.#pending;
    this.#pending = '';
    if (this.#state === 'thinking') {
      this.#reasoning += rest;
      return '';
    }
    return this.#isAfterReasoning ? rest.trimStart() : rest;
  }

  #readHead(): void {
    const text = this.#pending.trimStart();
    if (text.startsWith(OPENING)) {
      this.#state = 'thinking';
      this.#pending = text.slice(OPENING.length);
    } else if (!OPENING.startsWith(text)) this.#state = 'text';
  }

  #readReasoning(): void {
    const at = this.#pending.indexOf(CLOSING);
    const end = at < 0 ? this.#pending.length - partOfTag(this.#pending) : at;
    this.#reasoning += this.#pending.slice(0, end);
    this.#pending = this.#pending.slice(at < 0 ? end : at + CLOSING.length);
    if (at < 0) return;
    this.#state = 'text';
    this.#isAfterReasoning = true;
  }

  #takeText(): string {
    const text = this.#isAfterReasoning ? this.#pending.trimStart() : this.#pending;
    this.#pending = '';
    if (text !== '') this.#isAfterReasoning = false;
    return text;
  }
}

/** Returns how many characters at the end of a text may begin the closing tag. */
function partOfTag(text: string): number {
  let length = Math.min(CLOSING.length - 1, text.length);
  while (length > 0 && !text.endsWith(CLOSING.slice(0, length))) length -= 1;
  return length;
}
