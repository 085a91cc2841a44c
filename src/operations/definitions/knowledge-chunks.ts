import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { jsonPage } from '../../db/queries/json-rows.ts';
import { documents } from '../../resources/definitions/documents.ts';
import { knowledgeBases } from '../../resources/definitions/knowledge-bases.ts';
import { byId, count, id, object, page, pageOf } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { operation } from '../operation.ts';
import { numberIn, pageAnswer } from '../pagination.ts';

const chunk = z
  .object({
    id,
    seq: z.int().describe('The position of the chunk in the document'),
    heading_path: z.array(z.string()).describe('The headings above the text'),
    start_offset: z.int().describe('Characters of the document before the chunk'),
    end_offset: z.int().describe('Characters of the document up to the end of the chunk'),
    page: z.int().nullable().describe('The page, slide or sheet of a file, from 1'),
    trust: z.enum(enumLabels.trust),
    content: z.string(),
  })
  .meta({ id: 'Chunk' });

type Chunk = z.output<typeof chunk>;

const CHUNKS = `select c.id, c.seq, c.heading_path, c.start_offset, c.end_offset, c.page, c.trust,
    c.content
  from howdah.chunks as c
  where c.tenant_id = howdah.current_tenant() and c.document_id = $1 and c.seq >= $2
  order by c.seq limit $3`;

/** Lists the chunks of a document in their order. */
export const listChunks = operation({
  method: 'GET',
  path: `${documents.path}/{id}/chunks`,
  id: 'listDocumentChunks',
  tag: 'documents',
  summary: 'List the chunks of a document, in their order',
  isReplicable: true,
  params: byId,
  query: z.strictObject({
    ...page,
    from: z
      .string()
      .regex(/^[1-9]\d{0,8}$/, 'must be a whole number from 1 on')
      .optional()
      .describe('The first chunk, by its position; 1 by default'),
  }),
  answers: { 200: { description: 'A page of chunks', schema: pageOf(chunk) } },
  async work(db, { params, query: { limit, cursor, from = '1' }, url }) {
    await readRow(db, documents, params.id);
    const last = numberIn(cursor, url);
    const first = last === undefined ? Number(from) : last + 1;
    const chunks = await jsonPage<Chunk>(db, CHUNKS, [params.id, first, limit + 1]);
    return pageAnswer(chunks, limit, url, ({ seq }) => seq);
  },
});

const state = z
  .object({
    pending: count.describe('Documents that wait for a worker'),
    working: count.describe('Documents that are divided into chunks'),
    ready: count.describe('Documents that can be searched'),
    failed: count.describe('Documents with an error'),
    chunks: count,
    vectors: z
      .object({
        status: z
          .enum(['building', 'ready', 'changing'])
          .describe('changing: those of another model are made, and searches use the earlier ones'),
        dimensions: z.int().nullable(),
        waiting: count.describe('Chunks without a vector'),
        refused: count.describe('Chunks that the model refuses'),
        tokens: count,
        cost: z.number().describe('Cost of the tokens at the prices of the model'),
        error: object.nullable().describe('Why the last call of the model failed'),
      })
      .nullable()
      .describe('null for a base without an embedding model'),
    reranking: z
      .object({
        model: z.string().describe('The name of the model'),
        candidates: z.int().describe('How many chunks the model ranks'),
        calls: count,
        failures: count,
        tokens: count,
        cost: z.number().describe('Cost of the calls at the prices of the model'),
        error: object.nullable().describe('Why the last call of the model failed'),
      })
      .nullable()
      .describe('null for a base without a reranker'),
    recognition: z
      .object({
        model: z.string().describe('The name of the model'),
        pages: count.describe('Images and scanned pages whose text was recognized'),
        failures: count,
        tokens: count,
        cost: z.number().describe('Cost of the calls at the prices of the model'),
        error: object.nullable().describe('Why the last call of the model failed'),
      })
      .nullable()
      .describe('null for a base without a model that recognizes text'),
  })
  .meta({ id: 'KnowledgeBaseState' });

/** Counts the documents of a knowledge base by status, and its chunks. */
export const readKnowledgeState = operation({
  method: 'GET',
  path: `${knowledgeBases.path}/{id}/state`,
  id: 'getKnowledgeBaseState',
  tag: 'knowledge-bases',
  summary: 'Count the documents of a knowledge base by status, and its chunks',
  isReplicable: true,
  params: byId,
  answers: { 200: { description: 'The counts', schema: state } },
  async work(db, { params }) {
    await readRow(db, knowledgeBases, params.id);
    const { rows } = await db.query<{ state: z.output<typeof state> }>(
      `select howdah.knowledge_bases_state(b) as state
       from howdah.knowledge_bases as b where b.id = $1`,
      [params.id],
    );
    return { body: rows[0]?.state as z.output<typeof state> };
  },
});
