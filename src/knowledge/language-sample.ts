/** The most characters of a sample, which are enough to be sure. */
const MAX_CHARACTERS = 4_000;
/** The fewest letters. The language of a shorter text, such as a title, is a guess. */
const MIN_LETTERS = 60;
/** The least part of letters in a line of prose, and of prose in a text. Code has less of both. */
const MIN_SHARE = { letters: 0.85, prose: 0.5 };
/** The fewest letters of prose for each mark that is usual in code. */
const LETTERS_PER_MARK = 40;

const FENCED_CODE = /^ *(`{3,}|~{3,})[^\n]*\n[\s\S]*?(?:^ *\1[^\n]*$|$(?![\s\S]))/gm;
const INLINE_CODE = /`[^`\n]+`|\bhttps?:\/\/\S+/g;
const LETTERS = /[\p{L}\p{M}]/gu;
const MARKS_OF_CODE = /[{}=$\\<>|_;]|\w\(/g;

/**
 * Returns prose from the beginning of a text, for the detection of its language. Code and addresses
 * are left out. Returns undefined if there is too little prose, or more code.
 */
export function languageSample(parts: Iterable<{ content: string }>): string | undefined {
  const lines: string[] = [];
  const letters = { all: 0, prose: 0 };
  let characters = 0;
  for (const { content } of parts) {
    for (const line of content.replace(FENCED_CODE, '').split('\n')) {
      const words = line.replace(INLINE_CODE, ' ').trim();
      const count = countOf(words, LETTERS);
      letters.all += count;
      if (isCode(words, count)) continue;
      letters.prose += count;
      lines.push(words);
      characters += words.length;
    }
    if (characters >= MAX_CHARACTERS) break;
  }
  const least = Math.max(MIN_LETTERS, MIN_SHARE.prose * letters.all);
  if (letters.prose < least) return undefined;
  return lines.join('\n').slice(0, MAX_CHARACTERS);
}

const countOf = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

const isCode = (line: string, letters: number): boolean =>
  letters < MIN_SHARE.letters * line.replace(/\s/g, '').length ||
  letters < LETTERS_PER_MARK * countOf(line, MARKS_OF_CODE);
