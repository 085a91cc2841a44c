import type pg from 'pg';
import { type Figure, figure } from '../figures.ts';
import { addDocuments } from './add-documents.ts';
import { gainOf, meanOf, ndcgOf } from './collections.ts';
import { readDebianReference } from './debian-reference.ts';
import { search } from './search-base.ts';

/**
 * Compares German documents whose compounds are also indexed in parts with the same documents
 * indexed by whole words only: the nDCG@10 of the questions to the Debian Reference, and the gain
 * with its 95 % interval. Compounds in questions are divided in both.
 */
export async function compareCompounds(
  pool: pg.Pool,
  talk: (line: string) => void,
): Promise<Figure[]> {
  const [german, english] = [readDebianReference('de'), readDebianReference('en')];
  if (!german || !english) {
    talk('knowledge: compounds are left out: install debian-reference-de and debian-reference-en');
    return [];
  }
  const figures: Figure[] = [];
  for (const { base, documents } of [
    { base: 'compounds', documents: german.documents },
    { base: 'compounds_and_english', documents: [...german.documents, ...english.documents] },
  ]) {
    await addDocuments(pool, { name: base }, documents);
    const find = (query: string) => search(pool, base, query, 10);
    const parts = await ndcgOf(german, find);
    await deleteParts(pool, base);
    const whole = await ndcgOf(german, find);
    const { mean, low, high } = gainOf(parts, whole);
    const interval = [mean, low, high].map((value) => value.toFixed(4)).join(' ');
    talk(
      `knowledge: ${base} (${parts.length} questions) parts ${meanOf(parts).toFixed(4)}, ` +
        `whole words ${meanOf(whole).toFixed(4)}, gain ${interval}`,
    );
    figures.push(
      figure('knowledge', `${base}_parts_ndcg_at_10`, meanOf(parts), 'ratio'),
      figure('knowledge', `${base}_whole_ndcg_at_10`, meanOf(whole), 'ratio'),
      figure('knowledge', `${base}_parts_gain`, [low, mean, high], 'ratio'),
    );
  }
  return figures;
}

async function deleteParts(pool: pg.Pool, base: string): Promise<void> {
  await pool.query(
    `delete from howdah_private.chunk_terms as t using howdah.knowledge_bases as b
     where b.name = $1 and t.knowledge_base_id = b.id and strpos(t.term, '+ ') > 0`,
    [base],
  );
  await pool.query('vacuum analyze howdah_private.chunk_terms');
}
