import type pg from 'pg';
import { type Figure, figure } from '../figures.ts';
import { addDocuments } from './add-documents.ts';
import { gainOf, meanOf, ndcgOf } from './collections.ts';
import { readDebianReference } from './debian-reference.ts';
import { search } from './search-base.ts';

/**
 * Compares a base that detects the languages of its documents with one that takes all of them for
 * English: the nDCG@10 of German and of English questions to the Debian Reference in both
 * languages, and the gain with its 95 % interval.
 */
export async function compareLanguages(
  pool: pg.Pool,
  talk: (line: string) => void,
): Promise<Figure[]> {
  const [german, english] = [readDebianReference('de'), readDebianReference('en')];
  if (!german || !english) {
    talk('knowledge: languages are left out: install debian-reference-de and debian-reference-en');
    return [];
  }
  const documents = [...german.documents, ...english.documents];
  await addDocuments(pool, { name: 'detected' }, documents);
  await addDocuments(pool, { name: 'english', detectsLanguage: false }, documents);
  const figures: Figure[] = [];
  for (const collection of [german, english]) {
    const [detected, alike] = [
      await ndcgOf(collection, (query) => search(pool, 'detected', query, 10)),
      await ndcgOf(collection, (query) => search(pool, 'english', query, 10)),
    ];
    const { mean, low, high } = gainOf(detected, alike);
    const { name } = collection;
    const interval = [mean, low, high].map((value) => value.toFixed(3)).join(' ');
    talk(
      `knowledge: ${name} (${detected.length} questions) detected ${meanOf(detected).toFixed(3)}, ` +
        `all English ${meanOf(alike).toFixed(3)}, gain ${interval}`,
    );
    figures.push(
      figure('knowledge', `${name}_detected_ndcg_at_10`, meanOf(detected), 'ratio'),
      figure('knowledge', `${name}_all_english_ndcg_at_10`, meanOf(alike), 'ratio'),
      figure('knowledge', `${name}_detected_gain`, [low, mean, high], 'ratio'),
    );
  }
  return figures;
}
