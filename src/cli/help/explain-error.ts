import { join } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { closestNames } from '../../text/closest-names.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { type ErrorPage, errorPages, PAGES_FOLDER, pageLines } from './error-pages.ts';

const POSTGRES = 'https://www.postgresql.org/docs/current/errcodes-appendix.html';

/** Returns whether a word can only be an error code. An id has dashes, and a number is neither. */
export function looksLikeCode(word: string): boolean {
  return /^[a-z][a-z_]+$/i.test(word) || /^(?=.*\d)[0-9a-z]{5}$/i.test(word);
}

/**
 * Returns whether there is a page that helps. Somebody who interrupts a command knows why it ended.
 */
export function isExplained(code: string): boolean {
  return code !== 'EINTERRUPTED' && pageOf(errorPages(), code) !== undefined;
}

/** Returns the possible causes of an error, each with its fix. Empty for an unknown code. */
export function causesOf(code: string): string[] {
  const { causes = [] } = pageOf(errorPages(), code) ?? {};
  return causes.map(({ cause, fix }) => `${cause} ${fix}`);
}

/**
 * Prints the page of a code from the package, without a server or a database. Throws `HWNTF` with
 * the code that may have been meant.
 */
export function explainCode(io: CliIo, word: string): void {
  const pages = errorPages();
  const page = pageOf(pages, word);
  if (page === undefined) throw unknownCode(word, pages);
  const { text, ...report } = page;
  if (io.json) printJson(io, report);
  else io.out(pageLines(page).join('\n'));
}

function pageOf(pages: readonly ErrorPage[], word: string): ErrorPage | undefined {
  return pages.find(({ code, also }) =>
    [code, ...also].some((one) => one.toLowerCase() === word.toLowerCase()),
  );
}

function unknownCode(word: string, pages: readonly ErrorPage[]): HowdahError {
  const codes = pages.flatMap(({ code, also }) => [code, ...also]);
  const isOfPostgres = /^\d/.test(word);
  const near = isOfPostgres ? [] : closestNames(word, codes);
  const suggestion = near.length > 0 ? `Did you mean ${near.join(' or ')}? ` : '';
  const hint = isOfPostgres
    ? `For error codes of PostgreSQL, see ${POSTGRES}`
    : `${suggestion}The codes are listed in ${join(PAGES_FOLDER, 'README.md')}`;
  return new HowdahError('HWNTF', `there is no page for the error code ${word}`, {
    hint,
    detail: { code: word, did_you_mean: near },
  });
}
