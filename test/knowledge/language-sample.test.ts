import { describe, expect, test } from 'vitest';
import { detectLanguage } from '../../src/knowledge/detect-language.ts';
import { languageSample } from '../../src/knowledge/language-sample.ts';
import { finish } from '../support/work/finish.ts';

const GERMAN =
  'Die Rückgabe ist innerhalb von dreißig Tagen möglich, wenn die Ware unbeschädigt ist.';
const ENGLISH = 'Goods can be returned within thirty days if they are not damaged in any way.';
const CODE = `export function add(first: number, second: number): number {
  const sum = first + second;
  if (sum > MAX_SUM) throw new RangeError(\`\${sum} > \${MAX_SUM}\`);
  return cache.set(key(first, second), sum);
}`;

/** Returns the language of a text, as workers find it. */
function languageOf(...contents: string[]): string | null {
  const sample = languageSample(contents.map((content) => ({ content })));
  return sample === undefined ? null : detectLanguage(sample);
}

test.each([
  ['de', GERMAN],
  ['en', ENGLISH],
  ['fr', 'Les marchandises peuvent être retournées dans les trente jours suivant leur livraison.'],
  [
    'ja',
    '商品が破損していない場合は、三十日以内に返品することができます。返品の際は、必ず領収書を添えてください。ご不明な点がございましたら、お気軽にお問い合わせくださいませ。',
  ],
  ['hi', 'यदि माल क्षतिग्रस्त नहीं है तो उसे तीस दिनों के भीतर वापस किया जा सकता है और पैसे लौटाए जाते हैं।'],
])('the language of a text: %s', (language, text) => {
  expect(languageOf(text)).toBe(language);
});

describe('a text is undecided', () => {
  test.each([
    ['if it is short', 'Die Rückgabe ist möglich.'],
    ['if it is code', CODE.repeat(3)],
    ['if most of it is code', `${CODE.repeat(5)}\n${ENGLISH}`],
    ['if all of it is fenced code', `\`\`\`\n${ENGLISH}\n\`\`\``],
    ['if it is a list of addresses', 'https://www.example.com/returns/of/goods\n'.repeat(9)],
    ['if it has numbers only', '4711 0815\n'.repeat(99)],
    ['if it is empty', ''],
  ])('%s', (_, text) => {
    expect(languageOf(text)).toBeNull();
  });
});

test('code beside prose does not count', () => {
  const fenced = `\`\`\`js\n${'const words = of("the English language");\n'.repeat(20)}\`\`\``;
  expect(languageOf(`${GERMAN}\n\n${fenced}\n\nRufen Sie \`the_function_of_english\` auf.`)).toBe(
    'de',
  );
  expect(languageOf(`~~~\n${ENGLISH}\n~~~\n\n${GERMAN}`)).toBe('de');
});

test('a sample is the beginning of a long text', () => {
  const parts = Array.from({ length: 1_000 }, () => ({ content: GERMAN }));
  const sample = languageSample(parts) ?? '';
  expect(sample.length).toBe(4_000);
  expect(sample.startsWith(GERMAN)).toBe(true);
});

test('a chunk whose fence is never closed is read to its end', () => {
  expect(finish(() => languageOf('```\n'.repeat(20_000)))).toBeNull();
  expect(finish(() => languageOf(`\`\`\`\n${'a '.repeat(100_000)}`))).toBeNull();
});
