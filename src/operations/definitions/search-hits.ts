import { z } from 'zod';
import { searches } from '../../resources/definitions/searches.ts';
import { byId, id } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { operation } from '../operation.ts';

const hit = z
  .object({
    rank: z.int().describe('The place among the results: 1 is the best'),
    score: z.number().describe('The score, multiplied by the weight of the base'),
    rerank_rank: z.int().nullable().describe('The place that a reranker gave it'),
    rerank_score: z.number().nullable().describe('The score of the reranker, on its own scale'),
    terms: z.array(z.string()).describe('The words of the query that the chunk has'),
    knowledge_base_id: id,
    knowledge_base: z.string().nullable().describe('The name of the base; null if it is deleted'),
    document_id: id.describe('The document; it may have been deleted since'),
    title: z.string().nullable().describe('The title of the document'),
    heading_path: z.array(z.string()).describe('The headings above the text'),
    content: z
      .string()
      .nullable()
      .describe('The text; null if the document no longer has it and no run has read it'),
    chunk_seq: z.int().nullable().describe('The position of the text in the document now'),
    is_current: z.boolean().describe('Whether the document still has the text'),
  })
  .meta({ id: 'SearchHit' });

/** A chunk that a recorded search found. */
export type SearchHit = z.output<typeof hit>;

/** Lists what a recorded search found, and why. */
export const listSearchHits = operation({
  method: 'GET',
  path: `${searches.path}/{id}/hits`,
  id: 'listSearchHits',
  tag: 'searches',
  summary: 'List the chunks that a search found, and why',
  description: 'The best first, at most 100. See docs/knowledge.md.',
  isReplicable: true,
  params: byId,
  answers: {
    200: { description: 'The chunks', schema: z.object({ hits: z.array(hit) }) },
  },
  async work(db, { params }) {
    await readRow(db, searches, params.id);
    const { rows } = await db.query<{ hits: SearchHit[] }>(
      `select coalesce(json_agg(h order by h.rank), '[]') as hits from howdah.search_hits($1) as h`,
      [params.id],
    );
    return { body: { hits: rows[0]?.hits ?? [] } };
  },
});
