import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../package-root.ts';
import { type ErrorForm, formsOf } from './error-forms.ts';

/** The content of a page of `docs/errors` about a code. */
export type ErrorPage = {
  code: string;
  /** Other codes with the same meaning. */
  also: string[];
  title: string;
  meaning: string;
  /** The HTTP status of a rejected REST request. Null if there is none. */
  http_status: number | null;
  /** The exit code of `howdah`. Null if `howdah` never meets the code. */
  exit_code: number | null;
  /** The advice on whether a retry helps. */
  retry: string;
  /** The form of the error in each interface. */
  told: ErrorForm[];
  causes: { cause: string; fix: string }[];
  /** The source text of the page. */
  text: string;
};

/** The folder of the pages. Its `README.md` lists the codes. */
export const PAGES_FOLDER = join(PACKAGE_ROOT, 'docs', 'errors');

/** Reads every page, sorted by the name of its code. */
export function errorPages(): ErrorPage[] {
  return readdirSync(PAGES_FOLDER)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .toSorted()
    .map((name) => parsePage(readFileSync(join(PAGES_FOLDER, name), 'utf8')));
}

/**
 * Parses a page: a heading, the meaning, the interfaces in which the form of the error does not
 * follow from its code, whether to retry, causes with their fixes, and examples.
 */
export function parsePage(text: string): ErrorPage {
  const [head = '', causes = ''] = text.split(/^## (?:Causes|Examples)\n/m);
  const [, code = '', title = ''] = /^# (\S+): (.+)\n/.exec(head) ?? [];
  const [meaning = ''] = head.slice(head.indexOf('\n')).trim().split('\n\n');
  const [, also = ''] = /^Also: (.+)$/m.exec(head) ?? [];
  const [, retry = ''] = /^\*\*Again:\*\* (.+)$/m.exec(head) ?? [];
  const own = [...head.matchAll(/^- (.+?): (.+)$/gm)].map(([, where = '', as = '']) => ({
    where: plain(where),
    as: plain(as),
  }));
  const interfaces = formsOf(code, own);
  return {
    code,
    also: [...also.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one),
    title,
    meaning: plain(meaning),
    http_status: numberIn(interfaces, 'REST'),
    exit_code: numberIn(interfaces, 'howdah'),
    retry: plain(retry),
    told: interfaces,
    causes: [...causes.matchAll(/^- \*\*(.+?)\*\* (.+)$/gm)].map(([, cause = '', fix = '']) => ({
      cause: plain(cause),
      fix: plain(fix),
    })),
    text,
  };
}

/**
 * Converts the page to lines for a terminal, with the form of the error in all interfaces. Removes
 * the marks of Markdown, except those that read well as plain text.
 */
export function pageLines({ told: interfaces, text }: ErrorPage): string[] {
  const forms = interfaces.map(({ where, as }) => `  ${where.padEnd(15)} ${as}\n`).join('');
  let isCode = false;
  return text
    .replace(/\n\n(?:(?:- .+\n)+\n)?(?=\*\*Again:\*\* )/, () => `\n\n${forms}\n`)
    .split('\n')
    .flatMap((line) => {
      if (line.startsWith('```')) {
        isCode = !isCode;
        return [];
      }
      if (isCode) return [line === '' ? '' : `    ${line}`];
      return [plain(line.replace(/^#+ /, ''))];
    });
}

function numberIn(interfaces: ErrorPage['told'], name: string): number | null {
  const { as = '' } = interfaces.find(({ where }) => where === name) ?? {};
  const [number] = /^\d+/.exec(as.replace(/^exits /, '')) ?? [];
  return number === undefined ? null : Number(number);
}

/** Removes the marks of Markdown: `**bold**`, code, links. */
function plain(text: string): string {
  return text
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll('**', '')
    .replaceAll('`', '');
}
