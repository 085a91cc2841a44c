import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { statuses } from '../../src/api/errors/answer-error.ts';
import { errorPages } from '../../src/cli/help/error-pages.ts';
import { byCode, exitCodeFor, exitCodes } from '../../src/cli/output/exit-codes.ts';
import { ERROR_CODES } from '../../src/contracts/errors.ts';
import { POSTGRES_ERRORS } from '../../src/contracts/translate-postgres-error.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import { examplesOf } from './interfaces.ts';

// Checks that each code that an interface can return has a page, and that each page has such a
// code. The codes are read from the source that raises them, so that no list has to be maintained.

const pages = errorPages();
const codesOf = ({ code, also }: (typeof pages)[number]) => [code, ...also];
const written = pages.flatMap(codesOf);

/** Returns the text of all files of a folder. */
function textOf(folder: string, ext: string): string {
  return readdirSync(join(PACKAGE_ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ext) && !name.endsWith('schema.sql'))
    .map((name) => readFileSync(join(PACKAGE_ROOT, folder, name), 'utf8'))
    .join('\n');
}
const all = (text: string, pattern: RegExp) =>
  [...text.matchAll(pattern)].map(([, code = '']) => code);
const sorted = (codes: Iterable<string>) => [...new Set(codes)].toSorted();

const source = ['src', 'workers'].map((folder) => textOf(folder, '.ts')).join('\n');
const openaiSource = textOf('src/api/openai', '.ts');

/** Codes that Howdah raises, by the place in the source. */
const raised = {
  'raised in SQL': all(textOf('sql', '.sql'), /'(HW[A-Z]{3})'/g),
  'HW… raised in TypeScript': all(source, /'(HW[A-Z]{3})'/g),
  'E… raised in TypeScript': [
    ...all(source, /new HowdahError\(\s*'(E[A-Z]+)'/g),
    ...all(source, /\bcode(?: =|:) '(E[A-Z]+)'/g).filter((code) => !(code in constants.errno)),
    ...all(source, /problem\(\s*\d+, '(E[A-Z]+)'/g),
  ],
  'of failed runs': ERROR_CODES,
  'of the OpenAI API': [
    ...all(openaiSource, /\b(?:openai_)?code: '([a-z_]+)'/g),
    ...all(openaiSource, /'(model_not_found)'/g),
    ...all(openaiSource, /^ {2}4\d\d: '((?!.*_error')[a-z_]+)'/gm),
  ],
  'with an HTTP status': Object.keys(statuses),
  'with an exit status': Object.keys(byCode),
  'for a Postgres error': Object.keys(POSTGRES_ERRORS),
  'listed in sql/ERRORS.md': all(
    readFileSync(join(PACKAGE_ROOT, 'sql/ERRORS.md'), 'utf8'),
    /`(HW[A-Z]{3}|\d[0-9A-Z]{4})`/g,
  ),
};

test.each(Object.entries(raised))('every code has a page: %s', (_of, codes) => {
  expect(codes.length).toBeGreaterThan(0);
  expect(sorted(codes).filter((code) => !written.includes(code))).toEqual([]);
});

test('each page describes a code that is in use', () => {
  const known = new Set<string>(Object.values(raised).flat());
  expect(written.filter((code) => !known.has(code))).toEqual([]);
  expect(written).toEqual([...new Set(written)]);
});

test.each(pages.map((page): [string, (typeof pages)[number]] => [page.code, page]))(
  'the page of %s is complete',
  (code, page) => {
    expect(page.title).not.toBe('');
    expect(page.meaning).toMatch(/\.$/);
    expect(page.retry).toMatch(/\.$/);
    expect(page.causes.length).toBeGreaterThan(0);
    for (const { cause, fix } of page.causes) expect(`${cause} ${fix}`).toMatch(/^\S.+\. .+[.)]$/);
    expect(page.told.length).toBeGreaterThan(0);
    for (const line of page.text.split('\n')) expect(line).not.toMatch(/^[|-] .*TODO|\s$/);
    // no interface returns HWSTL; sql-tool-races.test.ts covers it
    if (code !== 'HWSTL') expect(examplesOf(code, page.text).length).toBeGreaterThan(0);
  },
);

/** Statuses of codes that are in no table. */
const OTHER_STATUSES: Record<string, number> = { EINTERNAL: 500, '22P02': 400, '57P03': 503 };

/** Returns the Howdah code that clients receive in place of a Postgres code. */
const translated = (code: string) => POSTGRES_ERRORS[code]?.({ code, message: '' }).code ?? code;

test.each(pages.map((page): [string, (typeof pages)[number]] => [page.code, page]))(
  'the page of %s has the actual HTTP status and exit code',
  (code, { http_status, exit_code, told: interfaces }) => {
    const status = statuses[code] ?? statuses[translated(code)] ?? OTHER_STATUSES[code] ?? null;
    expect(http_status).toBe(interfaces.some(({ where }) => where === 'REST') ? status : null);
    const isOfRun = interfaces.some(({ where }) => where === 'run');
    const words = interfaces.find(({ where }) => where === 'howdah')?.as;
    const [, instead = code] = /\((HW[A-Z]{3})\)/.exec(words ?? '') ?? [];
    if (isOfRun) expect([exitCodes.runFailed, null]).toContain(exit_code);
    else expect(exit_code).toBe(words === undefined ? null : exitCodeFor(instead));
  },
);

test('the page of a Postgres code names the code that GraphQL returns', () => {
  expect(Object.keys(POSTGRES_ERRORS)).not.toEqual([]);
  for (const [code, words] of Object.entries(POSTGRES_ERRORS)) {
    const interfaces = pages.find((page) => codesOf(page).includes(code))?.told ?? [];
    const { as } = interfaces.find(({ where }) => where === 'GraphQL') ?? { as: '' };
    const one = words({ code, message: '' }).code;
    expect(`${code} ${as}`).toContain(one === code ? 'extensions.code' : one);
  }
});

test('an example contains its code', () => {
  for (const page of pages) {
    for (const { via, response } of examplesOf(page.code, page.text)) {
      if (via === 'Command line') continue; // the command line prints no code
      const forms = page.told.map(({ as }) => as).join(' ');
      const words = [
        ...codesOf(page),
        ...(forms.match(/HW[A-Z]{3}|\b[a-z]+(?:_[a-z]+)+|-32\d{3}/g) ?? []),
      ];
      expect(
        words.some((word) => response.includes(word)),
        `${page.code}, ${via}`,
      ).toBe(true);
    }
  }
});

test('the index lists every page with its title', () => {
  const index = readFileSync(join(PACKAGE_ROOT, 'docs/errors/README.md'), 'utf8');
  const listed = [...index.matchAll(/^- \[(\S+)\]\((\S+)\.md\)(.*?): (.+)$/gm)].map(
    ([, name, file, also, title]) => ({ name, file, also, title }),
  );
  const wanted = pages.map(({ code, also, title }) => ({
    name: code,
    file: code,
    also: also.map((one) => `, ${one}`).join(''),
    title,
  }));
  const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
    (a.name ?? '') < (b.name ?? '') ? -1 : 1;
  expect(listed.toSorted(byName)).toEqual(wanted.toSorted(byName));
});

test('sql/ERRORS.md and the pages agree on the status', () => {
  const table = readFileSync(join(PACKAGE_ROOT, 'sql/ERRORS.md'), 'utf8');
  for (const { code, http_status } of pages.filter(({ code }) => code.startsWith('HW'))) {
    const [, status] = new RegExp(`^\\| \`${code}\` \\|[^|]*\\| (\\d+|–)`, 'm').exec(table) ?? [];
    expect(`${code} ${http_status ?? '–'}`).toBe(`${code} ${status}`);
  }
});

test('the package contains the pages', () => {
  const { files } = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8'));
  expect(files).toContain('docs');
});
