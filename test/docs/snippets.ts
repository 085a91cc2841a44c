import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The path of the checkout. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export type Snippet = { page: string; language: string; text: string };

/** Returns the fenced blocks of a page that name a language, in order. */
export function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(`${ROOT}${page}`, 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```/gm)].map(([, language = '', body = '']) => ({
    page,
    language,
    text: body,
  }));
}

/**
 * Splits SQL at semicolons at the end of a line, outside of dollar quotes and of `begin atomic`.
 */
export function statementsOf(text: string): string[] {
  const statements: string[] = [];
  let open = '';
  for (const line of text.split('\n')) {
    open += `${line}\n`;
    const isQuoted = open.split('$$').length % 2 === 0;
    const isInBody = /^begin atomic$/m.test(open) && !/^end;$/m.test(open);
    if (/;\s*(--.*)?$/.test(line) && !isQuoted && !isInBody) {
      statements.push(open);
      open = '';
    }
  }
  return [...statements, open].filter((one) => one.trim() !== '');
}

/** Returns the arguments of a command line: words, and texts in double quotes. */
export function argumentsOf(words: string): string[] {
  return [...words.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word ?? '');
}

/**
 * Returns the command lines of `npx howdah` in a block, without comments and without `npx howdah`.
 */
export function commandsOf(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('npx howdah'))
    .flatMap((line) => (line.split('#')[0] ?? '').replace('npx howdah', '').split('·'))
    .map((words) => words.trim());
}
