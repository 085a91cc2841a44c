/** Tags that enclose the reasoning of models, in any letter case. */
const TAGS: readonly (readonly [opening: string, closing: string])[] = [
  ['<think>', '</think>'],
  ['<thinking>', '</thinking>'],
  ['<thought>', '</thought>'],
  ['<seed:think>', '</seed:think>'],
  ['[think]', '[/think]'],
  ['◁think▷', '◁/think▷'],
  // gpt-oss
  ['<|channel|>analysis<|message|>', '<|channel|>final<|message|>'],
];

/**
 * Separates reasoning from the text of an answer: one or more blocks such as `<think>…</think>` at
 * the head of the text. Model servers without a parser for reasoning send it so. Takes the text in
 * pieces.
 */
export class ThinkTags {
  #state: 'head' | 'thinking' | 'text' = 'head';
  /** Characters whose place is not known yet: a part of a tag, or blanks at the head. */
  #pending = '';
  #reasoning = '';
  /** The tag that ends the reasoning. */
  #closing = '';
  /** True while blanks between the reasoning and the answer are left out. */
  #isAfterReasoning = false;

  /** The reasoning so far. */
  get reasoning(): string {
    return this.#reasoning;
  }

  /** Takes the next piece. Returns what of it, and of pieces before, belongs to the text. */
  push(piece: string): string {
    if (this.#state === 'text') return piece;
    this.#pending += piece;
    // a server may send a million blanks one by one
    if (this.#state === 'head' && piece.trimStart() === '') return '';
    while (this.#state === 'thinking' ? this.#readReasoning() : this.#readHead());
    return this.#isText() ? this.#takeText() : '';
  }

  /** Ends the text. Returns the rest of it. Reasoning whose tag is not closed is all of it. */
  end(): string {
    if (this.#state !== 'thinking') return this.#takeText();
    this.#reasoning += this.#pending;
    this.#pending = '';
    return '';
  }

  #isText(): boolean {
    return this.#state === 'text';
  }

  /** Returns true at the beginning of reasoning. */
  #readHead(): boolean {
    const text = this.#pending.trimStart();
    if (text === '') return false;
    const tag = TAGS.find(([opening]) => isSame(text.slice(0, opening.length), opening));
    if (tag === undefined) {
      const isPart = TAGS.some(([opening]) => isSame(text, opening.slice(0, text.length)));
      if (!isPart) this.#state = 'text';
      return false;
    }
    const [opening, closing] = tag;
    this.#state = 'thinking';
    this.#closing = closing;
    this.#pending = text.slice(opening.length);
    if (this.#reasoning !== '') this.#reasoning += '\n';
    return true;
  }

  /** Returns true at the end of reasoning. More of it may follow. */
  #readReasoning(): boolean {
    const at = indexOfTag(this.#pending, this.#closing);
    const end = at < 0 ? this.#pending.length - partOfTag(this.#pending, this.#closing) : at;
    this.#reasoning += this.#pending.slice(0, end);
    this.#pending = this.#pending.slice(at < 0 ? end : at + this.#closing.length);
    if (at < 0) return false;
    this.#state = 'head';
    this.#isAfterReasoning = true;
    return true;
  }

  #takeText(): string {
    const text = this.#isAfterReasoning ? this.#pending.trimStart() : this.#pending;
    this.#pending = '';
    return text;
  }
}

const UNOPENED = '</think>';

/**
 * Separates reasoning whose opening tag is not in the text. Chat templates of reasoning models
 * write that tag themselves, so the model begins after it. Only a closing tag on a line of its own
 * counts, as such models write it. Pieces of the text that were passed on before stay passed on.
 */
export function splitUnopenedReasoning(content: string): { reasoning: string; text: string } {
  const at = content.indexOf(UNOPENED);
  const before = content.slice(0, Math.max(0, at));
  const after = content.slice(at + UNOPENED.length);
  const isOnItsLine = /(^|\n)[ \t]*$/.test(before.slice(-100)) && /^[ \t]*(\r?\n|$)/.test(after);
  if (at < 0 || !isOnItsLine || before.includes('<think>')) return { reasoning: '', text: content };
  return { reasoning: before, text: after.trimStart() };
}

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** Finds a tag in any letter case. Lower case has other indexes, since some letters get longer. */
function indexOfTag(text: string, tag: string): number {
  const at = text.indexOf(tag);
  if (at >= 0) return at;
  return text.search(new RegExp(tag.replaceAll(/[[\]|]/g, '\\$&'), 'i'));
}

/** Returns how many characters at the end of a text may begin the closing tag. */
function partOfTag(text: string, tag: string): number {
  let length = Math.min(tag.length - 1, text.length);
  while (length > 0 && !isSame(text.slice(-length), tag.slice(0, length))) length -= 1;
  return length;
}
