import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../package-root.ts';

/** What a page of `docs/errors` says of a code. */
export type ErrorPage = {
  code: string;
  /** Other codes that mean the same. */
  also: string[];
  title: string;
  meaning: string;
  /** The status of a refused request over REST; null where there is none. */
  http_status: number | null;
  /** What `howdah` exits with; null where it never meets the code. */
  exit_code: number | null;
  /** Whether trying again helps. */
  retry: string;
  /** How each interface tells it. */
  told: { where: string; as: string }[];
  causes: { cause: string; fix: string }[];
  /** The page as it is written. */
  text: string;
};

const FOLDER = join(PACKAGE_ROOT, 'docs', 'errors');

/** Every page, by the name of its code. */
export function errorPages(): ErrorPage[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.md') && name !== 'README.md')
    .toSorted()
    .map((name) => parsePage(readFileSync(join(FOLDER, name), 'utf8')));
}

/** Reads a page: a heading, what it means, a table of the interfaces, whether to try again, causes with their fixes, examples. */
export function parsePage(text: string): ErrorPage {
  const [head = '', causes = ''] = text.split(/^## (?:Causes|Examples)\n/m);
  const [, code = '', title = ''] = /^# (\S+): (.+)\n/.exec(head) ?? [];
  const [meaning = ''] = head.slice(head.indexOf('\n')).trim().split('\n\n');
  const [, also = ''] = /^Also: (.+)$/m.exec(head) ?? [];
  const [, retry = ''] = /^\*\*Again:\*\* (.+)$/m.exec(head) ?? [];
  const rows = [...head.matchAll(/^\| (.+?) \| (.+) \|$/gm)].slice(2);
  const told = rows.map(([, where = '', as = '']) => ({ where: plain(where), as: plain(as) }));
  return {
    code,
    also: [...also.matchAll(/`([^`]+)`/g)].map(([, one = '']) => one),
    title,
    meaning: plain(meaning),
    http_status: numberIn(told, 'REST'),
    exit_code: numberIn(told, 'howdah'),
    retry: plain(retry),
    told,
    causes: [...causes.matchAll(/^- \*\*(.+?)\*\* (.+)$/gm)].map(([, cause = '', fix = '']) => ({
      cause: plain(cause),
      fix: plain(fix),
    })),
    text,
  };
}

/** The page for a terminal: no marks of Markdown but what reads well without them. */
export function pageLines(text: string): string[] {
  let isCode = false;
  return text.split('\n').flatMap((line) => {
    if (line.startsWith('```')) {
      isCode = !isCode;
      return [];
    }
    if (isCode) return [line === '' ? '' : `    ${line}`];
    if (/^\| (where|---)/.test(line)) return [];
    const [, where, as] = /^\| (.+?) \| (.+) \|$/.exec(line) ?? [];
    if (where !== undefined && as !== undefined) {
      return [`  ${plain(where).padEnd(15)} ${plain(as)}`];
    }
    return [plain(line.replace(/^#+ /, ''))];
  });
}

function numberIn(told: ErrorPage['told'], door: string): number | null {
  const { as = '' } = told.find(({ where }) => where === door) ?? {};
  const [number] = /^\d+/.exec(as.replace(/^exits /, '')) ?? [];
  return number === undefined ? null : Number(number);
}

/** Without marks: `**bold**`, code, links. */
function plain(text: string): string {
  return text
    .replaceAll(/\[([^\]]+)\]\([^)]+\)/g, '$1')
    .replaceAll('**', '')
    .replaceAll('`', '');
}
