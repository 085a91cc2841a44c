import { z } from 'zod';
import { jsonPage } from '../../db/queries/json-rows.ts';
import { knowledgeBases } from '../../resources/definitions/knowledge-bases.ts';
import { byId, count, flag, id, numberText, page, pageOf, time } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { noSuch } from '../../resources/request-refusal.ts';
import { operation } from '../operation.ts';
import { citationPlaceIn, pageAnswer } from '../pagination.ts';

const offsets = {
  start_offset: z.int().describe('Characters of the answer before the citation'),
  end_offset: z.int().describe('Characters of the answer up to the end of the citation'),
};

const source = z
  .object({
    ...offsets,
    chunk_number: z.int().describe('The number in the citation'),
    document_id: id.describe('The document; it may have been deleted since'),
    knowledge_base: z.string().nullable(),
    title: z.string().nullable().describe('The title of the document'),
    heading_path: z.array(z.string()).describe('The headings above the text'),
    content: z.string().nullable().describe('The text that the run has read'),
    chunk_seq: z.int().nullable().describe('The position of the text in the document now'),
    is_current: z.boolean().describe('Whether the document still has the text'),
    cited_by_execution_id: id.describe('The run that wrote the answer: this one, or one below'),
  })
  .meta({ id: 'AnswerSource' });

/** A citation in an answer, with its source. */
export type AnswerSource = z.output<typeof source>;

/** Lists the citations in the answer of a run. */
export const listSources = operation({
  method: 'GET',
  path: '/api/executions/{id}/sources',
  id: 'listExecutionSources',
  tag: 'executions',
  summary: 'List the citations in the answer of a run, with their sources',
  description: 'In the order of the answer. See docs/knowledge.md.',
  isReplicable: true,
  params: byId,
  answers: {
    200: {
      description: 'The citations; none if the answer has none',
      schema: z.object({ sources: z.array(source) }),
    },
  },
  async work(db, { params }) {
    const { rowCount } = await db.query('select from howdah.executions where id = $1', [params.id]);
    if (rowCount === 0) throw noSuch('run', params.id);
    const { rows } = await db.query<{ sources: AnswerSource[] }>(
      `select coalesce(json_agg(s order by s.start_offset), '[]') as sources
       from howdah.sources($1) as s`,
      [params.id],
    );
    return { body: { sources: rows[0]?.sources ?? [] } };
  },
});

const staleAnswer = z
  .object({
    execution_id: id.describe('The run that answered'),
    answered_at: time,
    ...offsets,
    chunk_number: z.int().describe('The number in the citation'),
    document_id: id,
    title: z.string().nullable().describe('The title of the document; null if it is deleted'),
    reason: z.enum(['changed', 'deleted']),
  })
  .meta({ id: 'StaleAnswer' });

/** A citation whose source has changed or gone. */
export type StaleAnswer = z.output<typeof staleAnswer>;

const STALE = `select ${Object.keys(staleAnswer.shape).join(', ')}
  from howdah.stale_answers
  where knowledge_base_id = $1 and ($2::uuid is null
    or (execution_id, start_offset) < ($2, $3))
  order by execution_id desc, start_offset desc limit $4`;

/** Lists the citations of a knowledge base whose source has changed or gone. */
export const listStaleAnswers = operation({
  method: 'GET',
  path: `${knowledgeBases.path}/{id}/stale-answers`,
  id: 'listStaleAnswers',
  tag: 'knowledge-bases',
  summary: 'List answers that cite a text that has changed or gone',
  description: 'The newest runs come first. An answer has one entry for each such citation.',
  isReplicable: true,
  params: byId,
  query: z.strictObject(page),
  answers: { 200: { description: 'A page of citations', schema: pageOf(staleAnswer) } },
  async work(db, { params, query: { limit, cursor }, url }) {
    await readRow(db, knowledgeBases, params.id);
    const after = citationPlaceIn(cursor, url);
    const values = [params.id, after?.execution_id, after?.start_offset, limit + 1];
    const rows = await jsonPage<StaleAnswer>(db, STALE, values);
    return pageAnswer(rows, limit, url, (row) => `${row.execution_id} ${row.start_offset}`);
  },
});

const health = z
  .object({
    pending: count.describe('Documents that wait for a worker or are being divided'),
    failed: count.describe('Documents that could not be divided'),
    waiting_since: time.nullable().describe('Time since which the oldest document waits'),
    searches: count.describe('Searches of runs in the last 7 days'),
    searches_without_results: count,
    searches_repeated: count.describe(
      'Those whose index of vectors found too few chunks, so that the signs of all were compared',
    ),
    searches_not_reranked: count.describe('Those that kept their order, since a reranker failed'),
    direct_searches: count.describe(
      'Searches of people and applications in the last 7 days; without the right to manage users, your own',
    ),
    direct_searches_without_results: count,
    stale_answers: count.describe('Runs whose answer cites a text that has changed or gone'),
  })
  .meta({ id: 'KnowledgeBaseHealth' });
type Health = z.output<typeof health>;

/** Reads what is not searchable yet, what searches did not find, and how many answers are stale. */
export const readKnowledgeHealth = operation({
  method: 'GET',
  path: `${knowledgeBases.path}/{id}/health`,
  id: 'getKnowledgeBaseHealth',
  tag: 'knowledge-bases',
  summary: 'Get the health of a knowledge base: documents, searches and stale answers',
  isReplicable: true,
  params: byId,
  answers: { 200: { description: 'The counts', schema: health } },
  async work(db, { params }) {
    await readRow(db, knowledgeBases, params.id);
    const { rows } = await db.query<{ health: Health }>(
      `select to_jsonb(h) - array['tenant_id', 'knowledge_base_id', 'name'] as health
       from howdah.knowledge_health as h where h.knowledge_base_id = $1`,
      [params.id],
    );
    return { body: rows[0]?.health as Health };
  },
});

const replayed = z
  .object({
    execution_id: id
      .nullable()
      .describe('The latest run that made the search; null for a person or an application'),
    step_seq: z.int().nullable().describe('The step of the search; null without a run'),
    search_id: id.describe('The latest of the equal searches'),
    searched_at: time,
    query: z.string(),
    times: z.int().describe('How often the search was made'),
    recorded_reranked: z.boolean().describe('Whether a reranker ordered the chunks then'),
    used_reranked: z.boolean().describe('Whether a reranker orders the chunks now'),
    recorded: z.int().describe('Chunks that were found then'),
    found: z.int().describe('Chunks that are found now'),
    kept: z.int().describe('Chunks that are found then and now'),
    overlap: z.number().describe('kept, as a part of the larger of recorded and found'),
    changes: z
      .array(
        z.object({
          document_id: id,
          title: z.string().nullable(),
          before: z.int().nullable().describe('The rank then; null for a new chunk'),
          after: z.int().nullable().describe('The rank now; null for a chunk that is gone'),
        }),
      )
      .describe('Chunks whose rank differs'),
  })
  .meta({ id: 'ReplayedSearch' });

/** A search that was repeated. */
export type ReplayedSearch = z.output<typeof replayed>;

/** Repeats the searches in a knowledge base that the caller sees, and compares the results. */
export const replaySearches = operation({
  method: 'GET',
  path: `${knowledgeBases.path}/{id}/replay`,
  id: 'replaySearches',
  tag: 'knowledge-bases',
  summary: 'Repeat searches and compare what they find',
  description:
    'Searches of runs, your own, and for admins those of all people and applications. Equal ones are repeated once, the latest first.',
  isReplicable: true,
  params: byId,
  query: z.strictObject({
    since: time.optional().describe('Only searches since this time; 7 days ago by default'),
    mode: z.string().optional().describe('hybrid, text or vector'),
    at_most: numberText(z.int()).optional().describe('The most queries; 100 by default'),
    rerank: flag.optional().describe('false leaves rerankers out; true by default'),
  }),
  answers: {
    200: {
      description: 'The queries, and the mean of their overlaps',
      schema: z.object({
        queries: count,
        overlap: z.number().nullable().describe('null if no search was repeated'),
        searches: z.array(replayed),
      }),
    },
  },
  async work(db, { params, query: { since, mode, at_most = 100, rerank = true } }) {
    const { row } = await readRow(db, knowledgeBases, params.id);
    const { rows } = await db.query<{ body: Replay }>(
      `select jsonb_build_object('queries', count(*), 'overlap', round(avg(r.overlap)::numeric, 4),
         'searches', coalesce(to_jsonb(array_agg(r order by r.searched_at desc)), '[]')) as body
       from howdah.replay_searches($1, coalesce($2, now() - interval '7 days'), $3, $4, $5) as r`,
      [row.name, since ?? null, mode ?? null, at_most, rerank],
    );
    return { body: rows[0]?.body as Replay };
  },
});
type Replay = { queries: number; overlap: number | null; searches: ReplayedSearch[] };
