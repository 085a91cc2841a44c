import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, one } from '../support.ts';

// Tests the forms of texts in which filters look for their patterns.

const db = testDatabase();
const KEY = 'AKIA1234';
const FULLWIDTH = [...KEY]
  .map((letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
  .join('');

test('normalize never sees a long run of marks, since nothing interrupts its quadratic work', async () => {
  const rows = await all(
    db.pool,
    `select p.proname as name, pg_get_functiondef(p.oid) as text from pg_proc as p
     where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
       and p.prokind <> 'a' and pg_get_functiondef(p.oid) ~* '\\mnormalize\\M|\\mis (nfk?[cd] )?normalized\\M'`,
  );
  const calls = rows.flatMap(({ name, text }) =>
    [...text.matchAll(/\b(?:normalize|is (?:nfk?[cd] )?normalized)\b(.{0,30})/gi)]
      .filter(([, rest]) => !/^\(howdah_private\.limit_marks\(/.test(rest))
      .map(([call]) => `${name}: ${call}`),
  );
  expect(calls).toEqual([]);
  expect(rows.map(({ name }) => name).sort()).toEqual([
    ...['latin_lookalikes', 'normalized_answer', 'visible_text'],
  ]);
});

test('every character that normalize sorts counts as a mark', async () => {
  // U+0345 has the highest class, so every other mark moves before it.
  const { uncounted } = await one(
    db.pool,
    `select string_agg(to_hex(c.code), ' ') as uncounted
     from (
       select n as code, chr(n) as letter from generate_series(1, 1114111) as n
       where n not between 55296 and 57343
     ) as c
     where c.letter !~ howdah_private.combining_marks()
       and (c.code = 837
         or not starts_with(normalize(U&'\\0345' || c.letter, nfkd), U&'\\0345'))`,
  );
  expect(uncounted).toBeNull();
});

test('30 marks of a run stay, and text without long runs is unchanged', async () => {
  const run = `e${'\u0301\u0316'.repeat(15)}`;
  const texts = ['', 'plain', 'für Müller', '한글 नमस्ते', run, `${run}x${run}`];
  const long = ['\u0301\u0316', '\uFF9E\u0316', '\u0344\u0F73', '\u{1D165}\u{1D16E}'];
  const rows = await all(
    db.pool,
    `select howdah_private.limit_marks(t.text) as text from unnest($1::text[]) with ordinality as t (text, place)
     order by t.place`,
    [[...texts, ...long.map((marks) => `e${marks.repeat(20_000)}x`)]],
  );
  expect(rows.map(({ text }) => text)).toEqual([
    ...texts,
    ...long.map((marks) => `e${marks.repeat(15)}x`),
  ]);
});

test('a pattern is found at every place around runs of marks', async () => {
  const texts = [0, 1, 29, 30, 31, 32, 61].flatMap((length) => {
    const marks = '\u0316\u0301'.repeat(length).slice(0, length);
    const others = '\u0591\u05AE'.repeat(length).slice(0, length);
    return [KEY, FULLWIDTH].flatMap((key) => [
      ...[marks, others].flatMap((run) => [`e${run}${key}`, `e${run} ${key}${run} ${run}`]),
      ...Array.from(
        { length: KEY.length - 1 },
        (_, at) => `${key.slice(0, at + 1)}${marks}${key.slice(at + 1)}`,
      ),
    ]);
  });
  const rows = await all(
    db.pool,
    `select t.text from unnest($1::text[]) as t (text)
     where howdah_private.redact_text(t.text, 'AKIA[0-9]{4}', '[key withheld]') not like '%[key withheld]%'`,
    [texts],
  );
  expect(rows).toEqual([]);
});
