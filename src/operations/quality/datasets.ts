import { z } from 'zod';
import { storableJson } from '../../json/storable-json.ts';
import { byId, id, json, object, optionalText } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { datasetItems } from '../../resources/quality/dataset-items.ts';
import { datasets } from '../../resources/quality/datasets.ts';
import { operation, shownRow } from '../operation.ts';
import { insertPlaced } from './place-item-fault.ts';

const MAX_ITEMS = 10_000;

const item = z.strictObject({
  input: z.string().optional(),
  input_data: json.optional(),
  input_parts: z.array(object).nullish(),
  history: z.array(object).nullish(),
  expected: json.optional(),
  split: optionalText,
  metadata: object.optional(),
});

/** An item as it is sent. */
export type SentItem = z.input<typeof item>;

/** Adds items to a data set, all or none. */
export const addItems = operation({
  method: 'POST',
  path: `${datasets.path}/{id}/items`,
  id: 'addDatasetItems',
  tag: 'datasets',
  summary: 'Add items to a data set',
  description:
    'All items are added in one statement, or none. An error names the first item that is refused.',
  params: byId,
  isKeyed: true,
  permission: { object: 'dataset_items', action: 'edit' },
  body: z.strictObject({
    items: z.array(item).min(1).max(MAX_ITEMS).describe(`At most ${MAX_ITEMS} items`),
  }),
  answers: {
    201: { description: 'The number of items', schema: z.object({ added: z.int() }) },
  },
  async work(db, { params, body }) {
    await readRow(db, datasets, params.id);
    const { rowCount } = await insertPlaced(db, body.items, (items) =>
      db.query(
        `insert into howdah.dataset_items (dataset_id, input, input_data, input_parts, history,
           expected, split, metadata)
         select $1, i.input, i.input_data, i.input_parts, i.history, i.expected, i.split, i.metadata
         from jsonb_to_recordset($2::jsonb)
           as i (input text, input_data jsonb, input_parts jsonb, history jsonb, expected jsonb,
             split text, metadata jsonb)`,
        [params.id, storableJson(items)],
      ),
    );
    return { status: 201, body: { added: rowCount ?? 0 } };
  },
});

/** Makes an item of a run. */
export const addRun = operation({
  method: 'POST',
  path: `${datasets.path}/{id}/runs`,
  id: 'addRunToDataset',
  tag: 'datasets',
  summary: 'Add a run to a data set',
  description:
    'The item has the input of the run with the conversation before it, and its answer or that of a step, or what is expected instead. See docs/evaluation.md.',
  params: byId,
  isKeyed: true,
  permission: { object: 'dataset_items', action: 'edit' },
  body: z.strictObject({
    execution_id: id,
    expected: json.optional().describe('What the answer should have been; its answer by default'),
    split: optionalText,
    metadata: object.optional(),
    anonymize: z
      .boolean()
      .optional()
      .describe(
        'True withholds the names of users, what filters look for, addresses and long numbers',
      ),
    seq: z.int().positive().optional().describe('The step whose answer is expected, or corrected'),
  }),
  answers: { 201: { description: 'The item', schema: datasetItems.row } },
  async work(db, { params, body }) {
    await readRow(db, datasets, params.id);
    const { rows } = await db.query<{ id: string }>(
      'select (howdah.add_to_dataset($1, $2, $3, $4, $5, $6, $7)).id',
      [
        params.id,
        body.execution_id,
        body.expected === undefined ? null : storableJson(body.expected),
        body.split ?? null,
        storableJson(body.metadata ?? {}),
        body.anonymize ?? false,
        body.seq ?? null,
      ],
    );
    const made = await readRow(db, datasetItems, rows[0]?.id ?? '');
    return { ...shownRow(datasetItems, made), status: 201 };
  },
});
