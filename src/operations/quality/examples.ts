import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import type { JsonPage } from '../../db/queries/json-rows.ts';
import { listRows } from '../../db/queries/row-collection.ts';
import { columnList } from '../../resources/column-list.ts';
import { equalTo } from '../../resources/equal-to.ts';
import { id, json, page, pageOf } from '../../resources/fields.ts';
import { operation } from '../operation.ts';
import { idIn, pageAnswer } from '../pagination.ts';

/** The conversation before a question. */
const history = z
  .array(
    z.object({
      role: z.enum(['user', 'assistant']),
      content: z.string(),
      data: json.optional().describe('What the message has as JSON'),
    }),
  )
  .describe('The conversation before the input');

const example = z
  .object({
    execution_id: id,
    dataset_id: id.nullable(),
    item_id: id.nullable(),
    agent_id: id.nullable(),
    agent_version_id: id.nullable(),
    workflow_id: id.nullable(),
    workflow_version_id: id.nullable(),
    source: z.string().describe('Whose score it is: people, graders or feedback'),
    score: z.number(),
    input: z.string(),
    input_data: json,
    output: z.string().nullable(),
    output_data: json,
    history,
    split: z.string().nullable().describe('The split of the item'),
  })
  .meta({ id: 'TrainingExample' });

const pair = z
  .object({
    rejected_execution_id: id,
    chosen_execution_id: id,
    dataset_id: id.nullable(),
    item_id: id.nullable(),
    agent_id: id.nullable(),
    workflow_id: id.nullable(),
    chosen_score: z.number(),
    rejected_score: z.number(),
    input: z.string(),
    input_data: json,
    chosen: z.string().nullable(),
    chosen_data: json,
    rejected: z.string().nullable(),
    rejected_data: json,
    history,
    split: z.string().nullable().describe('The split of the item'),
  })
  .meta({ id: 'PreferencePair' });

/** A run with a score. */
export type TrainingExample = z.output<typeof example>;
/** A better and a worse answer to one question. */
export type PreferencePair = z.output<typeof pair>;

const query = z.strictObject({
  ...page,
  dataset_id: id.optional().describe('The data set; without it, all runs with a score'),
  split: z.string().optional().describe('The split of the items'),
});

/** Lists runs with a score, as examples to train models with. */
export const listTrainingExamples = operation({
  method: 'GET',
  path: '/api/training-examples',
  id: 'listTrainingExamples',
  tag: 'training-examples',
  summary: 'List runs with a score, newest first',
  description: 'Runs of evaluations, and runs with feedback that may count. See docs/feedback.md.',
  query,
  isReplicable: true,
  answers: { 200: { description: 'A page of examples', schema: pageOf(example) } },
  work: (db, input) =>
    pageOfView<TrainingExample>(db, 'training_examples', 'execution_id', example, input),
});

/** Lists pairs of a better and a worse answer. */
export const listPreferencePairs = operation({
  method: 'GET',
  path: '/api/preference-pairs',
  id: 'listPreferencePairs',
  tag: 'training-examples',
  summary: 'List pairs of a better and a worse answer to one question, newest first',
  description:
    'The best answer to each item of a data set, or to each input of an agent, with each worse one. See docs/feedback.md.',
  query,
  isReplicable: true,
  answers: { 200: { description: 'A page of pairs', schema: pageOf(pair) } },
  work: (db, input) =>
    pageOfView<PreferencePair>(db, 'preference_pairs', 'rejected_execution_id', pair, input),
});

type Asked = { query: z.output<typeof query>; url: string };

/** Reads a page of a view whose rows belong to one run each. */
async function pageOfView<T extends Record<string, unknown>>(
  db: Queryable,
  table: string,
  key: string,
  schema: z.ZodObject,
  { query: { limit, cursor, ...conditions }, url }: Asked,
) {
  const before = idIn(cursor, url);
  const rows = await listRows(
    db,
    { table, id: key, shown: columnList(schema.shape) },
    {
      where: equalTo(conditions),
      limit: limit + 1,
      ...(before !== undefined && { before }),
    },
  );
  return pageAnswer(rows as unknown as JsonPage<T>, limit, url, (row) => String(row[key]));
}
