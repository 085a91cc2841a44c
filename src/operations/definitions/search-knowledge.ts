import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { embedQuery } from '../../db/operations/embed-query.ts';
import { rerankQuery } from '../../db/operations/rerank-query.ts';
import { isJsonText } from '../../json/parse-json.ts';
import { knowledgeBases } from '../../resources/definitions/knowledge-bases.ts';
import { byId, id, numberText, object } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { operation } from '../operation.ts';

const chunk = z
  .object({
    document_id: id,
    chunk_seq: z.int().describe('The position of the chunk in the document'),
    content: z.string(),
    score: z.number(),
    ranks: object.describe(
      'Why the chunk was found: its rank and score by text (with terms of the query) and by vector. With a reranker also fused, without it, and rerank, by it, or the error',
    ),
    knowledge_base: z.string(),
    title: z.string().describe('The title of the document'),
    heading_path: z.array(z.string()),
    start_offset: z.int().describe('Characters of the document before the chunk'),
    end_offset: z.int().describe('Characters of the document up to the end of the chunk'),
    trust: z.enum(enumLabels.trust),
  })
  .meta({ id: 'FoundChunk' });

/** A chunk that a search has found. */
export type FoundChunk = z.output<typeof chunk>;

const K = 10;

/** Searches a knowledge base. */
export const searchKnowledge = operation({
  method: 'GET',
  path: `${knowledgeBases.path}/{id}/search`,
  id: 'searchKnowledgeBase',
  tag: 'knowledge-bases',
  summary: 'Search a knowledge base',
  description: 'The chunks that fit best come first. See docs/knowledge.md.',
  params: byId,
  query: z.strictObject({
    query: z.string().describe('A question, or words that the text may contain'),
    k: numberText(z.int()).optional().describe('The most chunks; 10 by default'),
    filter: z
      .string()
      .refine(isJsonText, 'must be JSON, such as {"year": 2026}')
      .optional()
      .describe('A JSON object that the metadata of the documents must contain'),
    mode: z
      .string()
      .optional()
      .describe('hybrid, text or vector; by default hybrid if the base has vectors, else text'),
  }),
  answers: {
    200: {
      description: 'The chunks, the best first',
      schema: z.object({ chunks: z.array(chunk) }),
    },
  },
  async prepare(transaction, { params: { id: base }, query: { query, k, filter, mode } }, signal) {
    await embedQuery(transaction, { base, query, mode }, signal);
    const search = { base, query, k: k ?? K, filter: filter ?? '{}', mode: mode ?? null };
    await rerankQuery(transaction, search, signal);
  },
  async work(db, { params, query: { query, k = K, filter = '{}', mode = null } }) {
    const { row } = await readRow(db, knowledgeBases, params.id);
    // the record of the search is the only write, so nobody waits for its flush
    await db.query('set local synchronous_commit = off');
    const { rows } = await db.query<FoundChunk>('select * from howdah.search($1, $2, $3, $4, $5)', [
      [row.name],
      query,
      k,
      filter,
      mode,
    ]);
    return { body: { chunks: rows } };
  },
});
